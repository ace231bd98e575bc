import { always, map } from '#model/cache/codec.ts';
import { failureCount } from '#model/cache/failures.ts';
import { foundImages } from '#model/cache/found-images.ts';
import { type ImageCache, type Status, condition, placement, storedFailures } from '#model/cache/image-cache.ts';
import { failedOf, hasFailed } from '#model/cache/image-states.ts';
import { type LedgerEntry, ledgerEntry } from '#model/cache/ledger.ts';
import { statusFormat } from '#model/cache/parse-image-cache.ts';
import { registryUse } from '#model/cache/registry-use.ts';
import { removalEntry } from '#model/cache/removal-ledger.ts';
import { type Round, storedRound } from '#model/cache/round.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { type SerializedFields, text, time } from './optional-fields.ts';
import { serializedImages } from './serialized-images.ts';

/**
 * The status as JSON for the API server: times are text, counts are derived from the ledger, empty fields are omitted.
 */
export function serializeStatus(status: Status, cache: ImageCache): SerializedFields {
  const counts = nodeCounts(status.nodes);
  return {
    format: statusFormat,
    ...text('status', status.status),
    ...text('reason', status.reason),
    ...text('message', status.message),
    ...time('startTime', status.startTime),
    ...time('completionTime', status.completionTime),
    ...field('failures', storedFailures.write(status.failures)),
    failuresOmitted: failuresOmitted(status, cache),
    ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    conditions: status.conditions.map(condition.write),
    nodesReady: `${counts.ready}/${counts.desired}`,
    nodeCounts: counts,
    images: serializedImages(status, cache),
    nodes: always(map(ledgerEntry)).write(status.nodes),
    desired: status.desired,
    ...(status.found.recordedAt === undefined ? {} : { imagesFrom: foundImages.write(status.found) }),
    placements: status.placements.map(({ tolerations, ...rest }) => placement.write({ tolerations, ...rest })),
    ...serializedRemovals(status),
    ...(status.round === undefined ? {} : { round: serializedRound(status.round, status.completionTime) }),
    ...time('lastRefreshTime', status.lastRefreshTime),
    ...time('nextRefreshTime', status.nextRefreshTime),
    ...time('nextWaveTime', status.nextWaveTime),
    ...field('registries', map(registryUse).write(status.registries)),
    ...text('lastHandledRefreshAt', status.lastHandledRefreshAt),
    ...text('lastHandledPurgeAt', status.lastHandledPurgeAt),
  };
}

/**
 * The status without failures, and with the images that registries deny only, for an API server that rejects it as too
 * large: the ledger must not be lost.
 */
export function serializeStatusWithoutTexts(status: Status, cache: ImageCache): SerializedFields {
  const denied = serializedImages(status, cache).filter(({ anonymousPull }) => anonymousPull === 'Denied');
  return {
    ...serializeStatus({ ...status, failures: {} }, cache),
    images: denied.map(({ image, access, anonymousPull }) => ({ image, access, anonymousPull })),
  };
}

/** How many failures the ledger has beyond those in `status.failures`. */
function failuresOmitted(status: Status, cache: ImageCache): number {
  const failed = Object.values(status.nodes).filter(hasFailed);
  const countOf = ({ desiredHash }: LedgerEntry): number => ledgerImages({ ...cache, status }, desiredHash).length;
  const failures = failed.reduce((sum, entry) => sum + failedOf(entry, countOf(entry)).length, 0);
  return Math.max(0, failures - failureCount(status.failures));
}

/** The fields with the removal ledger; none if it is empty. */
const serializedRemovals = ({ removals, toRemove }: Status): SerializedFields =>
  Object.keys(removals).length === 0 ? {} : { removals: map(removalEntry).write(removals), toRemove };

const field = (key: string, written: unknown): SerializedFields => (written === undefined ? {} : { [key]: written });

/** The round; it has ended when the status says so. */
const serializedRound = (round: Round, completionTime: number | undefined): SerializedFields => ({
  ...(storedRound.write(round) as SerializedFields),
  ...time('completionTime', completionTime),
});
