import { type Cause, failureBounds, isAbandoned, withNode, withoutNode } from '#model/cache/failures.ts';
import { type Failures, type ImageCache, isRoundOpen, withStatus } from '#model/cache/image-cache.ts';
import {
  absentOf,
  failedOf,
  hasUntried,
  isPending,
  isUntried,
  toPull,
  withUntried,
} from '#model/cache/image-states.ts';
import { isUnsettled, type LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { type DesiredByHash, pendingImages } from '#model/desired/desired-images.ts';
import { hasBegun, isYetToBegin, rolloutOf } from '#model/desired/rollout.ts';
import { newImageCanaries, pulledImages } from '#model/start/wave.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { isNotFound } from './image-outcome.ts';

/*
 * Images that do not exist are not tried on every node. As with waves, this follows from the ledger alone: the nodes try
 * them as soon as the ledger no longer shows them as absent.
 */

/**
 * Nodes whose kubelets have to report that an image is not there before others do not try it: one may have a mirror or a
 * login of its own. The answer of the registry itself counts as one of them.
 */
const agreeingNodes = 2;

/** Nodes that have not begun do not try images that do not exist: they count as failed with the reason that others found. */
export function withoutAbsentImages(cache: ImageCache, desired: DesiredByHash, settings: Settings): ImageCache {
  const { nodes, failures } = cache.status;
  const entries = Object.entries(nodes);
  if (Object.keys(failures).length === 0 && !entries.some(([, entry]) => hasUntried(entry))) return cache;
  // A rollout stops by itself, and holds the nodes that have not begun.
  const hasWaves = rolloutOf(cache, settings) !== undefined;
  const absent: AbsentImages = hasWaves ? new Map<string, never>() : absentImages(cache, desired);
  const tries = hasWaves ? new Map<string, number>() : triesLeft(cache, desired, absent);
  let nextFailures = failures;
  const next = entries.map(([name, entry]): [string, LedgerEntry] => {
    const images = desired.get(entry.desiredHash);
    if (images === undefined) return [name, entry];
    const changed =
      entry.state === 'Failed' ? tryAgain(entry, images, absent, tries) : withoutTrying(entry, images, absent, cache);
    const tried = images.images.filter((_, index) => isUntried(entry, index) && !isUntried(changed, index));
    if (tried.length > 0) nextFailures = withoutNode(nextFailures, name, new Set(tried));
    if (changed.state !== 'Skipped')
      nextFailures = withReports(nextFailures, name, untriedImages(changed, images), absent);
    return [name, changed];
  });
  return withStatus(cache, { nodes: Object.fromEntries(next), failures: nextFailures });
}

/** Causes by image. */
type AbsentImages = ReadonlyMap<string, Cause>;

const untriedImages = (entry: LedgerEntry, { images }: DesiredImages): readonly string[] =>
  hasUntried(entry) ? images.filter((_, index) => isUntried(entry, index)) : [];

/** The images that enough kubelets report not to exist, or kept enough nodes waiting, and that no node has pulled in this round. */
function absentImages({ status }: ImageCache, desired: DesiredByHash): AbsentImages {
  const { failures, nodes } = status;
  const hasTried = (image: string, node: string): boolean => {
    const entry = ownEntry(nodes, node);
    const images = entry && desired.get(entry.desiredHash);
    if (entry === undefined || images === undefined) return false;
    return hasBegun(entry) && !untriedImages(entry, images).includes(image);
  };
  const found = Object.entries(failures).flatMap(([image, each]) => {
    const tried = each.filter(({ node }) => hasTried(image, node));
    const reports = tried.filter((failure) => isNotFound(failure, image));
    const agreeing = reports.length + (status.absentImages.includes(image) ? 1 : 0);
    if (reports[0] !== undefined && agreeing >= agreeingNodes) return [[image, reports[0]] as const];
    const abandoned = tried.filter((each) => isAbandoned(each) && nodes[each.node]?.state === 'Failed');
    const isOnTrial = ownEntry(status.registries, registryOf(image))?.triedUntil !== undefined;
    return abandoned.length >= (isOnTrial ? 1 : agreeingNodes) ? [[image, notTried(abandoned[0])] as const] : [];
  });
  const pulled = found.length === 0 ? new Set<string>() : pulledImages(Object.values(nodes), desired);
  return new Map(found.filter(([image]) => !pulled.has(image)));
}

/** A kubelet can not cancel a pull that takes too long: no more of them begin one. */
const notTried = ({ node } = { node: '' }): Cause => ({
  reason: 'ImagePullNotTried',
  message: `The pull did not end in time on ${node}, and is not tried on more nodes`,
});

/** How many nodes may try each image that some have not tried, and that is not known to be absent any more. */
function triesLeft({ status }: ImageCache, desired: DesiredByHash, absent: AbsentImages): Map<string, number> {
  const entries = Object.values(status.nodes);
  const untried = entries.flatMap((entry) => {
    const images = desired.get(entry.desiredHash);
    return images === undefined ? [] : untriedImages(entry, images);
  });
  const doubtful = [...new Set(untried)].filter((image) => !absent.has(image));
  if (doubtful.length === 0) return new Map();
  const pulled = pulledImages(entries, desired);
  const trying = new Set(
    entries.filter(isUnsettled).flatMap((entry) => pendingImages(entry, desired.get(entry.desiredHash))),
  );
  return new Map(
    doubtful.map((image) => [image, pulled.has(image) ? Infinity : trying.has(image) ? 0 : newImageCanaries]),
  );
}

/** Restarts a node that failed without a try once the reporting nodes were wrong or have left: a few nodes first. */
function tryAgain(
  entry: LedgerEntry,
  images: DesiredImages,
  absent: AbsentImages,
  tries: Map<string, number>,
): LedgerEntry {
  const doubtful = untriedImages(entry, images).filter((image) => !absent.has(image));
  if (doubtful.length === 0 || doubtful.some((image) => tries.get(image) === 0)) return entry;
  for (const image of doubtful) tries.set(image, (tries.get(image) ?? Infinity) - 1);
  return { ...toPull(entry, failedOf(entry, images.images.length), images.images.length), state: 'Pending' };
}

/** A node that has not begun, without the images that do not exist. */
function withoutTrying(
  entry: LedgerEntry,
  images: DesiredImages,
  absent: AbsentImages,
  { status }: ImageCache,
): LedgerEntry {
  // A node that joins when the round is over tries everything: somebody may have pushed the image since.
  if (!isRoundOpen(status) || entry.state !== 'Pending' || !isYetToBegin(entry)) return entry;
  if (absent.size === 0 && !hasUntried(entry)) return entry;
  const missing = missingImages(entry, images);
  const untried = missing.filter((index) => absent.has(images.images[index] ?? ''));
  const { length: count } = images.images;
  if (untried.join() === absentOf(entry, count).join()) return entry;
  const changed = withUntried(entry, untried, count);
  return untried.length < missing.length ? changed : { ...changed, state: 'Failed', reason: '' };
}

/** The indexes of the images that a node which has not begun lacks, those included that it does not try. */
export const missingImages = (entry: LedgerEntry, { images }: DesiredImages): readonly number[] =>
  [...images.keys()].filter((index) => isPending(entry, index) || isUntried(entry, index));

/** Reports on a node what others found for images that it does not try, as far as the list of failures has room. */
function withReports(failures: Failures, node: string, untried: readonly string[], absent: AbsentImages): Failures {
  const found = untried.flatMap((image) => {
    const cause = absent.get(image);
    const listed = ownEntry(failures, image) ?? [];
    const isListed = listed.length >= failureBounds.nodesPerImage || listed.some((failure) => failure.node === node);
    return cause === undefined || isListed ? [] : [[image, cause] as const];
  });
  const causes = new Map(found);
  return found.length === 0 ? failures : withNode(failures, { node, causes, images: new Set(causes.keys()) });
}
