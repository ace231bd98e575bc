import { pullDeadline, startedDeadline, podCreationGrace } from '#model/job/deadline.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import { failed, isConclusive, outcomeOf, type Images, type Outcome } from './image-outcome.ts';
import type { Cause } from '#model/cache/failures.ts';
import type { Pod } from '#model/job/pod.ts';
import type { JobView } from '#model/job/job-view.ts';
import type { Job } from '#model/job/job.ts';
import { mountsImages } from '#model/job/pull-container.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { pullPolicyOf } from '#model/desired/pull-policy.ts';
import { isProvenPresent } from '#model/desired/presence.ts';

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
export type JobEvidence = {
  readonly view: JobView;
  /** Indexes of the Job's images in `wanted.images`. */
  readonly indexes: readonly number[];
  readonly wanted: DesiredImages;
  readonly entry: LedgerEntry;
  readonly cache: ImageCache;
  /** The Job's node, where it was read. */
  readonly node: Node | undefined;
  readonly settings: Settings;
  readonly now: number;
};

/** What a Job has come to, by the evidence of its Pod where there is one. */
export function evaluateJob(trial: JobEvidence): Verdict {
  const { job, pod } = trial.view;
  if (pod !== undefined) return judgePod(pod, trial);
  if (job === undefined) return { type: 'lost' };
  return judgePodless(job, trial);
}

function judgePodless(job: Job, trial: JobEvidence): Verdict {
  if (job.outcome === 'Complete') return done(trial, () => ({ type: 'present', digest: '' }));
  if (job.outcome === 'Failed' || job.isBeingDeleted) return { type: 'lost' };
  const age = trial.now - job.createdAt;
  if (job.podRefused === '' || age < podCreationGrace)
    return age < pullDeadline(trial.cache, trial.settings) ? open() : done(trial, () => failed(noPod, true));
  const cause = { reason: 'FailedCreate', message: job.podRefused };
  if (isQuota(job.podRefused) && age < pullDeadline(trial.cache, trial.settings)) return open(allOf(trial, cause));
  if (!isQuota(job.podRefused) && mightMount(trial)) return { type: 'mountRefused' };
  return done(trial, () => failed(cause));
}

function judgePod(pod: Pod, trial: JobEvidence): Verdict {
  const found = new Map(trial.indexes.map((index) => [index, outcomeOf(pod, index, imagesOf(index, trial))]));
  const outcomes = [...found.values()];
  if (outcomes.some((outcome) => outcome?.type === 'unmountable')) return { type: 'mountRefused' };
  if (outcomes.every((outcome) => outcome !== undefined && isConclusive(outcome)))
    return done(trial, (index) => found.get(index));
  if (isLost(pod)) return { type: 'lost' };
  if (trial.now < deadlineOf(pod, outcomes, trial)) return open(causesSoFar(found));
  return done(trial, (index) => found.get(index) ?? lastResort(index, pod, trial));
}

const imagesOf = (index: number, { wanted, settings }: JobEvidence): Images => ({
  image: wanted.images[index] ?? '',
  helperImage: settings.noopImage,
});

/** Troubles that a kubelet tells while it goes on: shown at once, whatever comes of them. */
function causesSoFar(found: ReadonlyMap<number, Outcome | undefined>): ReadonlyMap<number, Cause> {
  return new Map(
    [...found].flatMap(([index, outcome]) => (outcome?.type === 'failed' ? [[index, outcome.cause]] : [])),
  );
}

/** The Pod ended, or is ending, without having tried all its images. */
const isLost = (pod: Pod): boolean =>
  pod.isBeingDeleted || pod.isDisrupted || pod.phase === 'Failed' || pod.phase === 'Succeeded';

/** Until when a Pod is waited for. Once every image was tried, what fails is only backing off, and need not hold the node. */
function deadlineOf(pod: Pod, outcomes: readonly (Outcome | undefined)[], { cache, settings }: JobEvidence): number {
  if (pod.startedAt === undefined) return pod.createdAt + pullDeadline(cache, settings);
  const unheard = outcomes.filter((outcome) => outcome === undefined).length;
  return pod.startedAt + (unheard === 0 ? pullDeadline(cache, settings) : startedDeadline(cache, settings, unheard));
}

/** No word of the kubelet when time is up: the node's own list may still prove an image to be there. */
function lastResort(index: number, pod: Pod, { wanted, node, cache, settings }: JobEvidence): Outcome {
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

const isQuota = (message: string): boolean => message.includes('exceeded quota');

const mightMount = ({ entry, node }: JobEvidence): boolean => node !== undefined && mountsImages(entry, node);

const open = (causes: ReadonlyMap<number, Cause> = new Map()): Verdict => ({ type: 'open', causes });
const allOf = ({ indexes }: JobEvidence, cause: Cause): ReadonlyMap<number, Cause> =>
  new Map(indexes.map((index) => [index, cause]));

function done({ indexes }: JobEvidence, outcome: (index: number) => Outcome | undefined): Verdict {
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
