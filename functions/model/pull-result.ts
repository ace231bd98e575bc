import { pullDeadline, startedDeadline } from './deadline.ts';
import type { ImageCache } from './image-cache.ts';
import type { Node } from './node.ts';
import type { ContainerStatus, Job, Pod } from './pod.ts';
import { containerName, mountsImages } from './pull-job.ts';
import type { LedgerEntry } from './ledger.ts';
import type { Settings } from './settings.ts';
import { isProvenPresent, pullPolicyOf, type Wanted } from './wanted.ts';

/** A Job as far as it was read: either half may be missing. */
export type JobView = { readonly job: Job | undefined; readonly pod: Pod | undefined };

/** Why an image is not there, in a kubelet's or the Job controller's words. */
export type Cause = { readonly reason: string; readonly message: string };

/** What a Job has come to. */
export type Verdict =
  /** Still at work; `causes` are troubles that may pass. */
  | { readonly type: 'open'; readonly causes: ReadonlyMap<number, Cause> }
  /** Every image has its result; `vague` are failed ones for which there is no word of a kubelet. */
  | {
      readonly type: 'done';
      /** Digest by index of the image; '' where the kubelet tells none. */
      readonly present: ReadonlyMap<number, string>;
      readonly failed: ReadonlyMap<number, Cause>;
      readonly vague: ReadonlySet<number>;
    }
  /** Ended through no fault of an image. */
  | { readonly type: 'lost' }
  /** Image volumes are not to be had here. */
  | { readonly type: 'mountRefused' };

/** What it takes to judge a Job. */
export type Trial = {
  readonly view: JobView;
  /** Indexes of the Job's images in `wanted.images`. */
  readonly indexes: readonly number[];
  readonly wanted: Wanted;
  readonly entry: LedgerEntry;
  readonly cache: ImageCache;
  /** The Job's node, where it was read. */
  readonly node: Node | undefined;
  readonly settings: Settings;
  readonly now: number;
};

/** How long the Job controller is given to make a Pod before its Events are believed. */
export const podGrace = 10_000;

/** What a Job has come to, by the evidence of its Pod where there is one. */
export function judge(trial: Trial): Verdict {
  const { job, pod } = trial.view;
  if (pod !== undefined) return judgePod(pod, trial);
  if (job === undefined) return { type: 'lost' };
  return judgePodless(job, trial);
}

function judgePodless(job: Job, trial: Trial): Verdict {
  if (job.outcome === 'Complete') return done(trial, () => ({ type: 'present', digest: '' }));
  if (job.outcome === 'Failed' || job.isBeingDeleted) return { type: 'lost' };
  const age = trial.now - job.createdAt;
  if (job.podRefused === '' || age < podGrace)
    return age < pullDeadline(trial.cache, trial.settings) ? open() : done(trial, () => failed(noPod, true));
  const cause = { reason: 'FailedCreate', message: job.podRefused };
  if (isQuota(job.podRefused) && age < pullDeadline(trial.cache, trial.settings)) return open(allOf(trial, cause));
  if (!isQuota(job.podRefused) && mightMount(trial)) return { type: 'mountRefused' };
  return done(trial, () => failed(cause));
}

function judgePod(pod: Pod, trial: Trial): Verdict {
  const found = new Map(trial.indexes.map((index) => [index, outcomeOf(pod, index, trial)]));
  const outcomes = [...found.values()];
  if (outcomes.some((outcome) => outcome?.type === 'unmountable')) return { type: 'mountRefused' };
  if (outcomes.every((outcome) => outcome !== undefined && isConclusive(outcome)))
    return done(trial, (index) => found.get(index));
  if (isLost(pod)) return { type: 'lost' };
  if (trial.now < deadlineOf(pod, outcomes, trial)) return open(causesSoFar(found));
  return done(trial, (index) => found.get(index) ?? lastResort(index, pod, trial));
}

/** Troubles that a kubelet tells while it goes on: shown at once, whatever comes of them. */
function causesSoFar(found: ReadonlyMap<number, Outcome | undefined>): ReadonlyMap<number, Cause> {
  return new Map(
    [...found].flatMap(([index, outcome]) => (outcome?.type === 'failed' ? [[index, outcome.cause]] : [])),
  );
}

/** What is known of one image. */
type Outcome =
  | { readonly type: 'present'; readonly digest: string }
  | { readonly type: 'failed'; readonly cause: Cause; readonly isFinal: boolean; readonly isVague: boolean }
  | { readonly type: 'unmountable' };

const isConclusive = (outcome: Outcome): boolean =>
  outcome.type === 'present' || (outcome.type === 'failed' && outcome.isFinal);

const failed = (cause: Cause, isVague = false): Outcome => ({ type: 'failed', cause, isFinal: true, isVague });

function outcomeOf(pod: Pod, index: number, trial: Trial): Outcome | undefined {
  if (pod.helper !== undefined && isFailing(pod.helper) && !wasKilled(pod.helper, pod))
    return helperOutcome(pod.helper, trial);
  const container = pod.containers.find(({ name }) => name === containerName(index));
  if (container === undefined) return pod.phase === 'Succeeded' ? { type: 'present', digest: '' } : undefined;
  return pod.isMounting ? mountedOutcome(container, trial) : startedOutcome(container);
}

/** The image was to be started: it is there as soon as the runtime has an id for it. */
function startedOutcome(container: ContainerStatus): Outcome | undefined {
  const isThere = container.imageId !== '' || wasStarted(container) || afterPull.has(container.reason);
  return isThere ? { type: 'present', digest: digestOf(container.imageId) } : waitingOutcome(container);
}

/** The image was to be mounted: the container's own image is the no-op's, and tells nothing but its own trouble. */
function mountedOutcome(container: ContainerStatus, trial: Trial): Outcome | undefined {
  if (container.message.includes('ImageVolumeMountFailed')) return { type: 'unmountable' };
  if (wasStarted(container) || afterPull.has(container.reason)) return { type: 'present', digest: '' };
  const isHelper = isFailing(container) && container.message.includes(trial.settings.noopImage);
  return isHelper ? helperOutcome(container, trial) : waitingOutcome(container);
}

/** A helper image that cannot be had is reported as itself, never as the user's image. */
function helperOutcome(helper: ContainerStatus, { settings }: Trial): Outcome {
  const message = `the helper image ${settings.noopImage} does not run: ${helper.message || helper.reason}`;
  const isFinal = helper.state === 'terminated' || isPermanent(helper);
  return { type: 'failed', cause: { reason: 'HelperImageFailed', message }, isFinal, isVague: false };
}

function waitingOutcome(container: ContainerStatus): Outcome | undefined {
  if (container.state !== 'waiting' || notYet.has(container.reason) || isThrottled(container)) return undefined;
  const cause = { reason: container.reason, message: container.message };
  return { type: 'failed', cause, isFinal: isPermanent(container), isVague: false };
}

const notYet: ReadonlySet<string> = new Set(['', 'ContainerCreating', 'PodInitializing']);

/** Troubles of a container whose image has been pulled. */
const afterPull: ReadonlySet<string> = new Set([
  'CreateContainerError',
  'CreateContainerConfigError',
  'RunContainerError',
  'CrashLoopBackOff',
]);

/** A kubelet that lost sight of a container says so in these words: no evidence of anything. */
const wasStarted = ({ state, reason }: ContainerStatus): boolean =>
  state === 'running' || (state === 'terminated' && reason !== 'ContainerStatusUnknown');

const isFailing = ({ state, reason, exitCode }: ContainerStatus): boolean =>
  state === 'waiting' ? !notYet.has(reason) : state === 'terminated' && exitCode !== 0;

/** A helper that ended because its Pod is taken away is no evidence against its image. */
const wasKilled = ({ state, reason }: ContainerStatus, pod: Pod): boolean =>
  state === 'terminated' && (reason === 'ContainerStatusUnknown' || pod.isDisrupted || pod.isBeingDeleted);

/** The kubelet's own limit on pulls, not the registry's: it goes on by itself. */
const isThrottled = ({ message }: ContainerStatus): boolean => message.includes('pull QPS exceeded');

const isQuota = (message: string): boolean => message.includes('exceeded quota');

/** Trouble that waiting does not mend: the reference, its absence, a refusal. */
function isPermanent({ reason, message }: ContainerStatus): boolean {
  return (
    ['InvalidImageName', 'ErrImageNeverPull', 'SignatureValidationFailed'].includes(reason) || permanent.test(message)
  );
}
const permanent =
  /not found|manifest unknown|no match for platform|no matching manifest|unauthori[sz]ed|authorization failed|access denied|denied:|authentication required|forbidden|invalid reference/i;

/** The Pod ended, or is ending, without having tried all its images. */
const isLost = (pod: Pod): boolean =>
  pod.isBeingDeleted || pod.isDisrupted || pod.phase === 'Failed' || pod.phase === 'Succeeded';

/** Until when a Pod is waited for. Once every image was tried, what fails is only backing off, and need not hold the node. */
function deadlineOf(pod: Pod, outcomes: readonly (Outcome | undefined)[], { cache, settings }: Trial): number {
  if (pod.startedAt === undefined) return pod.createdAt + pullDeadline(cache, settings);
  const unheard = outcomes.filter((outcome) => outcome === undefined).length;
  return pod.startedAt + (unheard === 0 ? pullDeadline(cache, settings) : startedDeadline(cache, settings, unheard));
}

/** No word of the kubelet when time is up: the node's own list may still prove an image to be there. */
function lastResort(index: number, pod: Pod, { wanted, node, cache, settings }: Trial): Outcome {
  const image = wanted.images[index] ?? '';
  if (node !== undefined && isProvenPresent(image, node, pullPolicyOf(image, cache, settings)))
    return { type: 'present', digest: '' };
  if (pod.startedAt !== undefined) return failed(unknownStatus, true);
  return failed({ reason: 'Pending', message: pod.unschedulable || 'Check if node is ready' }, true);
}

const unknownStatus: Cause = {
  reason: 'ImagePullStatusUnknown',
  message: 'Unable to get the status of Image pull. Retry after some time or contact cluster administrator',
};
const noPod: Cause = { reason: 'Pending', message: 'The Job has no Pod, and no Event says why' };

const digestOf = (imageId: string): string => /@(sha256:[0-9a-f]{64})$/.exec(imageId)?.[1] ?? '';

const mightMount = ({ entry, node }: Trial): boolean => node !== undefined && mountsImages(entry, node);

const open = (causes: ReadonlyMap<number, Cause> = new Map()): Verdict => ({ type: 'open', causes });
const allOf = ({ indexes }: Trial, cause: Cause): ReadonlyMap<number, Cause> =>
  new Map(indexes.map((index) => [index, cause]));

function done({ indexes }: Trial, outcome: (index: number) => Outcome | undefined): Verdict {
  const present = new Map<number, string>();
  const causes = new Map<number, Cause>();
  const vague = new Set<number>();
  for (const index of indexes) {
    const found = outcome(index) ?? failed(unknownStatus, true);
    if (found.type === 'present') present.set(index, found.digest);
    if (found.type === 'failed') causes.set(index, found.cause);
    if (found.type === 'failed' && found.isVague) vague.add(index);
  }
  return { type: 'done', present, failed: causes, vague };
}
