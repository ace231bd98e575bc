import { podCreationGrace } from '#model/job/job-times.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { keepsPullRecords, type Node } from '#model/node/node.ts';
import { type Images, type Outcome, failed, isConclusive, outcomeOf } from './image-outcome.ts';
import type { Cause } from '#model/cache/cause.ts';
import type { Job, JobView, Pod } from '#model/job/job.ts';
import { mountsImages } from '#model/job/job-pod.ts';
import { type LedgerEntry, isSecondAttempt } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { isProvenPresent } from '#model/desired/presence.ts';
import { imageDeadline, mayRetry, retryDeadline } from './attempt-deadline.ts';
import { pullPolicyOf, type DesiredImages } from '#model/desired/desired-images.ts';

/** The outcome of a pull Job so far. */
export type Verdict =
  /** Not ended yet; `causes` are failures that the kubelet still retries. */
  | { readonly type: 'running'; readonly causes: ReadonlyMap<number, Cause> }
  /** Every image has a result; `inconclusive` are failed images on which no kubelet has reported. */
  | {
      readonly type: 'finished';
      /** Digest by index of the image; '' if the kubelet reported none. */
      readonly present: ReadonlyMap<number, string>;
      readonly failed: ReadonlyMap<number, Cause>;
      readonly inconclusive: ReadonlySet<number>;
    }
  /** Ended for a reason that is not an image's: evicted, deleted, its node shut down. */
  | { readonly type: 'lost' }
  /** The node or the API server does not support image volumes. */
  | { readonly type: 'mountRefused' };

/** What the verdict on a Job depends on. */
export type JobEvidence = {
  readonly view: JobView;
  /** Indexes of the Job's images in `desired.images`. */
  readonly indexes: readonly number[];
  readonly desired: DesiredImages;
  readonly entry: LedgerEntry;
  readonly cache: ImageCache;
  /** The Job's node, if it was observed. */
  readonly node: Node | undefined;
  readonly settings: Settings;
  readonly now: number;
};

/** The outcome of a Job: from its Pod if there is one, else from the Job and its Events. */
export function evaluateJob(evidence: JobEvidence): Verdict {
  const { job, pod } = evidence.view;
  if (pod !== undefined) return evaluatePod(pod, evidence);
  if (job === undefined) return { type: 'lost' };
  return evaluatePodless(job, evidence);
}

function evaluatePodless(job: Job, evidence: JobEvidence): Verdict {
  if (job.outcome === 'Complete') return finished(evidence, () => ({ type: 'present', digest: '' }));
  if (job.outcome === 'Failed' || job.isBeingDeleted) return { type: 'lost' };
  const age = evidence.now - job.createdAt;
  if (job.podRefused === '' || age < podCreationGrace)
    return age < imageDeadline(evidence, job.createdAt) ? running() : finished(evidence, () => failed(noPod, true));
  const cause = { reason: 'FailedCreate', message: job.podRefused };
  const isOpening = evidence.entry.opening !== undefined;
  if (isQuota(job.podRefused) && !isOpening && age < imageDeadline(evidence, job.createdAt))
    return running(allOf(evidence, cause));
  if (!isOpening && !isQuota(job.podRefused) && mayMountImages(evidence)) return { type: 'mountRefused' };
  return finished(evidence, () => failed(cause));
}

function evaluatePod(pod: Pod, evidence: JobEvidence): Verdict {
  // The kubelet's retries are not awaited: the images are present, and a later refresh opens them.
  const isOpening = evidence.entry.opening !== undefined;
  const found = new Map(evidence.indexes.map((index) => [index, outcomeOf(pod, index, imagesOf(index, evidence))]));
  const outcomes = [...found.values()];
  if (outcomes.some((outcome) => outcome?.type === 'unmountable')) return { type: 'mountRefused' };
  if (outcomes.every((outcome) => outcome !== undefined && (isConclusive(outcome) || isOpening)))
    return finished(evidence, (index) => found.get(index));
  if (isLost(pod)) return { type: 'lost' };
  if (evidence.now < deadlineOf(pod, outcomes, evidence)) return running(causesWhileRunning(found));
  return finished(evidence, (index) => found.get(index) ?? outcomeAtDeadline(index, pod, evidence));
}

/** When the node is given up if its Job keeps failing, the second attempt included, in epoch milliseconds. */
export function givenUpAt(evidence: JobEvidence): number | undefined {
  const { view, indexes, entry } = evidence;
  const { job, pod } = view;
  if (pod === undefined) return job && job.createdAt + imageDeadline(evidence, job.createdAt);
  const outcomes = indexes.map((index) => outcomeOf(pod, index, imagesOf(index, evidence)));
  const end = deadlineOf(pod, outcomes, evidence);
  if (pod.startedAt === undefined) return end;
  if (mayRetry(entry)) return Math.max(end, retryDeadline(evidence, pod.startedAt) ?? end);
  // The deadline that Jobs of a last attempt record is for a second one, which it has not.
  return isSecondAttempt(entry) ? Math.max(end, entry.retryDeadline ?? end) : end;
}

const imagesOf = (index: number, { desired, entry, settings }: JobEvidence): Images => ({
  image: desired.images[index] ?? settings.noopImage,
  helperImage: settings.noopImage,
  isBare: entry.opening === 'Bare',
});

/** Failures that the kubelet reports while it retries are shown at once. */
function causesWhileRunning(found: ReadonlyMap<number, Outcome | undefined>): ReadonlyMap<number, Cause> {
  return new Map(
    [...found].flatMap(([index, outcome]) => (outcome?.type === 'failed' ? [[index, outcome.cause]] : [])),
  );
}

/** Whether the Pod has ended, or is ending, before all its images were tried. */
const isLost = (pod: Pod): boolean =>
  pod.isBeingDeleted || pod.isDisrupted || pod.phase === 'Failed' || pod.phase === 'Succeeded';

/** When to stop waiting for a Pod. */
function deadlineOf(pod: Pod, outcomes: readonly (Outcome | undefined)[], evidence: JobEvidence): number {
  const limit = imageDeadline(evidence, pod.createdAt);
  if (pod.startedAt === undefined) return pod.createdAt + limit;
  const unreported = outcomes.filter((outcome) => outcome === undefined).length;
  const end = pod.startedAt + limit * imagesToAwait(unreported, evidence.entry);
  return isSecondAttempt(evidence.entry) ? Math.min(end, evidence.entry.retryDeadline ?? Infinity) : end;
}

/**
 * For how many images to wait. A kubelet pulls the images of a Pod one after another and reports none until all were tried, so that one
 * that hangs hides the others: half of the time is left to try them one by one. Once all were tried, failing ones are in back-off and
 * must not block the node.
 */
function imagesToAwait(unreported: number, entry: LedgerEntry): number {
  if (unreported === 0 || entry.opening !== undefined) return 1;
  return mayRetry(entry) ? Math.max(1, unreported / 2) : unreported;
}

/**
 * No report from the kubelet at the deadline: the node's status may still prove an image to be present, but not that it
 * starts where the kubelet keeps records of pulls.
 */
function outcomeAtDeadline(index: number, pod: Pod, { desired, node, cache, settings }: JobEvidence): Outcome {
  const image = desired.images[index] ?? '';
  if (
    node !== undefined &&
    !keepsPullRecords(node) &&
    isProvenPresent(image, node, pullPolicyOf(image, cache, settings))
  )
    return { type: 'present', digest: '' };
  if (pod.startedAt !== undefined) return failed(unknownStatus, true);
  return failed({ reason: neverStarted, message: pod.unschedulable || 'Check if node is ready' }, true);
}

const unknownStatus: Cause = {
  reason: 'ImagePullStatusUnknown',
  message: 'Unable to get the status of Image pull. Retry after some time or contact cluster administrator',
};
/** kube-fledged's reason for a Pod that no kubelet has started within the deadline. */
const neverStarted = 'Pending';
const noPod: Cause = { reason: neverStarted, message: 'The Job has no Pod, and no Event says why' };

const isQuota = (message: string): boolean => message.includes('exceeded quota');

/** Whether a Job has failed because it had no running Pod within the deadline. */
export const hadNoPod = ({ reason, message }: Cause): boolean =>
  reason === neverStarted || (reason === 'FailedCreate' && isQuota(message));

const mayMountImages = ({ entry, node }: JobEvidence): boolean => node !== undefined && mountsImages(entry, node);

const running = (causes: ReadonlyMap<number, Cause> = new Map()): Verdict => ({ type: 'running', causes });
const allOf = ({ indexes }: JobEvidence, cause: Cause): ReadonlyMap<number, Cause> =>
  new Map(indexes.map((index) => [index, cause]));

function finished({ indexes }: JobEvidence, outcome: (index: number) => Outcome | undefined): Verdict {
  const present = new Map<number, string>();
  const causes = new Map<number, Cause>();
  const inconclusive = new Set<number>();
  for (const index of indexes) {
    const found = outcome(index) ?? failed(unknownStatus, true);
    if (found.type === 'present') present.set(index, found.digest);
    if (found.type === 'failed') causes.set(index, found.cause);
    if (found.type === 'failed' && found.isInconclusive) inconclusive.add(index);
  }
  return { type: 'finished', present, failed: causes, inconclusive };
}
