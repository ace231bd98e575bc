import { type Cause, unknownStatus } from '#model/cache/failures.ts';
import { type LedgerEntry, isSecondAttempt } from '#model/cache/ledger.ts';
import { namesCredentials } from '#model/desired/access.ts';
import { pullPolicyOf } from '#model/desired/desired-images.ts';
import { isProvenPresent } from '#model/desired/presence.ts';
import type { Job, JobView, Pod } from '#model/job/job.ts';
import { containerName, mountsImages } from '#model/job/job-pod.ts';
import { podCreationGrace } from '#model/job/job-times.ts';
import { keepsPullRecords, type Node } from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { World } from '#model/world.ts';
import { imageDeadline, mayRetry, retryDeadline, type Attempt, type JobImages, jobName, jobsDue } from './attempt.ts';
import { type Images, type Outcome, failed, isConclusive, outcomeOf } from './image-outcome.ts';

/** What a Job says about one image. */
export type ImageFinding =
  /** The digest that the kubelet reported, or ''. */
  | { readonly result: 'succeeded'; readonly digest: string }
  /** `inconclusive` if no kubelet has reported on it. */
  | { readonly result: 'failed' | 'inconclusive'; readonly cause: Cause };

/** What a Job says so far, by index of the image. */
export type JobFindings = {
  /**
   * `running`: not ended yet; `images` are failures that the kubelet still retries. `finished`: every image has a result.
   * `lost`: ended for a reason that is not an image's: evicted, deleted, its node shut down. `mountRefused`: the node or
   * the API server does not support image volumes.
   */
  readonly type: 'running' | 'finished' | 'lost' | 'mountRefused';
  readonly images: ReadonlyMap<number, ImageFinding>;
};

/** The result of a Job that should exist now. */
export type JobResult = JobFindings & {
  readonly indexes: JobImages;
  /** When its Pod started, or if that was not observed, when it was created; epoch milliseconds. */
  readonly startedAt: number;
  readonly hasUsedCredentials: boolean;
  /** Indexes of the images for which its Pod pulls another one, as somebody has changed it. */
  readonly replaced: readonly number[];
  /** When the Job is given up, in epoch milliseconds, if it is running and reports failures. */
  readonly until: number | undefined;
};

/** The results of the Jobs that should exist now, as far as they were observed. */
export function jobResults(name: string, attempt: Attempt, { observed, now }: World): readonly JobResult[] {
  const { cache, entry, settings } = attempt;
  const node = observed.nodes.get(name);
  const hasNamed = entry.opening === undefined && namesCredentials(cache, settings);
  return jobsDue(attempt).flatMap((indexes): readonly JobResult[] => {
    const job = jobName(cache, entry, indexes);
    if (observed.goneJobs.has(job))
      return [{ ...lost, indexes, startedAt: now, hasUsedCredentials: hasNamed, replaced: [], until: undefined }];
    const view = observed.jobs.get(job);
    if (view === undefined) return [];
    const evidence = { ...attempt, view, indexes, node, now };
    const { type, images } = evaluateJob(evidence);
    const until = type === 'running' && images.size > 0 ? givenUpAt(evidence) : undefined;
    // A Job whose Pod is gone may have had credentials, which only the Pod shows.
    const hasUsedCredentials = hasNamed || (view.pod?.hasPullSecrets ?? mayHaveUsedSome(entry, view));
    const startedAt = view.pod?.startedAt ?? view.pod?.createdAt ?? view.job?.createdAt ?? now;
    const replaced = indexes.filter((index) => isReplaced(index, attempt, view.pod));
    return [{ type, images, indexes, startedAt, hasUsedCredentials, replaced, until }];
  });
}

/** Of a Job that pulls, only if it has pulled: its Pod was there. */
const mayHaveUsedSome = ({ opening }: LedgerEntry, { job }: JobView): boolean =>
  opening !== undefined || job?.outcome === 'Complete';

function isReplaced(index: number, { desired, settings }: Attempt, pod: Pod | undefined): boolean {
  const reference = pod?.containers.find(({ name }) => name === containerName(index))?.reference ?? '';
  const image = desired.images[index] ?? settings.noopImage;
  return reference !== '' && normalisedReference(reference) !== normalisedReference(image);
}

/** Why images failed, or fail so far. */
export const causesIn = ({ images }: JobFindings): ReadonlyMap<number, Cause> =>
  new Map([...images].flatMap(([index, found]) => (found.result === 'succeeded' ? [] : [[index, found.cause]])));

/** The digests of images that are present; '' where the kubelet reported none. */
export const digestsIn = ({ images }: JobFindings): ReadonlyMap<number, string> =>
  new Map([...images].flatMap(([index, found]) => (found.result === 'succeeded' ? [[index, found.digest]] : [])));

/** What the findings of a Job depend on. */
type JobEvidence = Attempt & {
  readonly view: JobView;
  /** Indexes of the Job's images in `desired.images`. */
  readonly indexes: readonly number[];
  /** The Job's node, if it was observed. */
  readonly node: Node | undefined;
  readonly now: number;
};

/** The outcome of a Job: from its Pod if there is one, else from the Job and its Events. */
export function evaluateJob(evidence: JobEvidence): JobFindings {
  const { job, pod } = evidence.view;
  if (pod !== undefined) return evaluatePod(pod, evidence);
  if (job === undefined) return lost;
  return evaluatePodless(job, evidence);
}

function evaluatePodless(job: Job, evidence: JobEvidence): JobFindings {
  if (job.outcome === 'Complete') return finished(evidence, () => ({ type: 'present', digest: '' }));
  if (job.outcome === 'Failed' || job.isBeingDeleted) return lost;
  const age = evidence.now - job.createdAt;
  if (job.podRefused === '' || age < podCreationGrace)
    return age < imageDeadline(evidence, job.createdAt) ? running : finished(evidence, () => failed(noPod, true));
  const cause = { reason: 'FailedCreate', message: job.podRefused };
  const isOpening = evidence.entry.opening !== undefined;
  if (isQuota(job.podRefused) && !isOpening && age < imageDeadline(evidence, job.createdAt))
    return { type: 'running', images: new Map(evidence.indexes.map((index) => [index, { result: 'failed', cause }])) };
  if (!isOpening && !isQuota(job.podRefused) && mayMountImages(evidence)) return mountRefused;
  return finished(evidence, () => failed(cause));
}

function evaluatePod(pod: Pod, evidence: JobEvidence): JobFindings {
  // The kubelet's retries are not awaited: the images are present, and a later refresh opens them.
  const isOpening = evidence.entry.opening !== undefined;
  const found = new Map(evidence.indexes.map((index) => [index, outcomeOf(pod, index, imagesOf(index, evidence))]));
  const outcomes = [...found.values()];
  if (outcomes.some((outcome) => outcome?.type === 'unmountable')) return mountRefused;
  if (outcomes.every((outcome) => outcome !== undefined && (isConclusive(outcome) || isOpening)))
    return finished(evidence, (index) => found.get(index));
  if (isLost(pod)) return lost;
  if (evidence.now < deadlineOf(pod, outcomes, evidence)) return { type: 'running', images: failuresIn(found) };
  return finished(evidence, (index) => found.get(index) ?? outcomeAtDeadline(index, pod, evidence));
}

/** When the node is given up if its Job keeps failing, the second attempt included, in epoch milliseconds. */
function givenUpAt(evidence: JobEvidence): number | undefined {
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
  isOpening: entry.opening !== undefined,
});

/** Failures that the kubelet reports while it retries are shown at once. */
const failuresIn = (found: ReadonlyMap<number, Outcome | undefined>): JobFindings['images'] =>
  new Map(
    [...found].flatMap(([index, outcome]) =>
      outcome?.type === 'failed' ? [[index, { result: 'failed', cause: outcome.cause }]] : [],
    ),
  );

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

/** kube-fledged's reason for a Pod that no kubelet has started within the deadline. */
const neverStarted = 'Pending';
const noPod: Cause = { reason: neverStarted, message: 'The Job has no Pod, and no Event says why' };

const isQuota = (message: string): boolean => message.includes('exceeded quota');

/** Whether a Job has failed because it had no running Pod within the deadline. */
export const hadNoPod = ({ reason, message }: Cause): boolean =>
  reason === neverStarted || (reason === 'FailedCreate' && isQuota(message));

const mayMountImages = ({ entry, node }: JobEvidence): boolean => node !== undefined && mountsImages(entry, node);

const running: JobFindings = { type: 'running', images: new Map() };
const lost: JobFindings = { type: 'lost', images: new Map() };
const mountRefused: JobFindings = { type: 'mountRefused', images: new Map() };

function finished({ indexes }: JobEvidence, outcomeAt: (index: number) => Outcome | undefined): JobFindings {
  const found = indexes.map((index): [number, ImageFinding] => {
    const outcome = outcomeAt(index) ?? failed(unknownStatus, true);
    if (outcome.type === 'present') return [index, { result: 'succeeded', digest: outcome.digest }];
    const cause = outcome.type === 'failed' ? outcome.cause : unknownStatus;
    const isInconclusive = outcome.type === 'failed' && outcome.isInconclusive;
    return [index, { result: isInconclusive ? 'inconclusive' : 'failed', cause }];
  });
  return { type: 'finished', images: new Map(found) };
}
