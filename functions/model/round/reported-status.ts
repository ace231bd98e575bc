import { conditionsOf, failingCondition } from '#model/cache/conditions.ts';
import { boundedFailures } from '#model/cache/failures.ts';
import { type ImageCache, type Status, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import type { Rollout } from '#model/cache/spec-fields.ts';
import { findsImages } from '#model/cache/with-found.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import { isRemovalUnsettled } from '#model/cache/removal-ledger.ts';
import { rolloutOf } from '#model/desired/rollout.ts';
import type { World } from '#model/world.ts';
import { purgeFailures, purgeReport } from './purge-report.ts';
import { pullReport, workingMessage } from './pull-report.ts';
import { refusalOf } from './refusal.ts';
import type { Report } from './report.ts';

/**
 * The cache with the status word, message and conditions that its ledgers stand for: during a round and between rounds,
 * when nodes join, fail, leave and come back. Nothing else writes them, except for a suspension, refused Jobs
 * and a refused cache.
 */
export function reportedStatus(cache: ImageCache, { now, settings, hasAllItsJobs }: Reporting): Status {
  const { generation } = cache;
  const rollout = rolloutOf(cache, settings);
  const status = isPurged(cache)
    ? { ...cache.status, failures: boundedFailures(purgeFailures(cache.status)) }
    : cache.status;
  const { word, message, ready, reconciling, stalled, failing } = reportOf({ ...cache, status }, rollout);
  const refusal = hasWork(status) && !hasAllItsJobs ? refusalOf(cache) : undefined;
  const text = refusal !== undefined && word === 'Processing' ? refusal.message : message;
  const verdicts = { Ready: ready, Reconciling: reconciling, Stalled: stalled };
  const inputs = { conditions: status.conditions, generation, now, message: text };
  const conditions = conditionsOf(verdicts, inputs);
  const isTryingAgain = !isPurged(cache) && Object.values(status.nodes).some(isUnsettled);
  return {
    ...status,
    status: word,
    message: text,
    conditions: [
      ...conditions.map((each) => (each.type === 'Reconciling' ? (refusal ?? each) : each)),
      ...failingCondition(failing, isTryingAgain, inputs),
    ],
  };
}

/** `hasAllItsJobs`: it was observed that no Job is missing, so that none is refused any more. */
export type Reporting = Pick<World, 'now'> & {
  readonly settings: Pick<World['settings'], 'rollout'>;
  readonly hasAllItsJobs: boolean;
};

/** Whether Jobs are needed. */
const hasWork = (status: Status): boolean =>
  isRoundOpen(status) ||
  Object.values(status.nodes).some(isUnsettled) ||
  Object.values(status.removals).some(isRemovalUnsettled);

const noWorkloadsMessage = 'No images were pulled because no workload names one. Please see "imagesFrom" section';

/** Whether all images were to come from workloads, and none names one. */
const hasNothingToPull = (cache: ImageCache): boolean =>
  !isPurged(cache) && findsImages(cache.spec) && cache.spec.lists.every(({ images }) => images.length === 0);

function reportOf(cache: ImageCache, rollout: Rollout | undefined): Report {
  const { status } = cache;
  const report = isPurged(cache) ? purgeReport(status) : pullReport(status, rollout);
  if (!isRoundOpen(status)) return hasNothingToPull(cache) ? { ...report, message: noWorkloadsMessage } : report;
  const message = workingMessage(status, status.round?.operation ?? 'Create', rollout);
  return { ...report, word: 'Processing', message, reconciling: ['True', 'RoundOpen'], stalled: ['False', 'Ok'] };
}
