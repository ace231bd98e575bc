import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Ledger, LedgerEntry } from '#model/cache/ledger.ts';
import type { JobView, Job, Pod } from './job.ts';

/** How long a Pod may take to start, and then to pull each of its images, in milliseconds; Infinity: no limit. */
export function pullDeadline(cache: ImageCache, settings: Settings): number {
  const { pullDeadlineSeconds } = cache.spec;
  const deadline = pullDeadlineSeconds === undefined ? settings.imagePullDeadline : pullDeadlineSeconds * 1000;
  return deadline === 0 ? Infinity : deadline;
}

const hour = 3_600_000;

/** How long the Pod of a removal may take to start, and then to run, in milliseconds: a deletion never waits without a limit. */
export const removalDeadline = ({ imagePullDeadline }: Settings): number =>
  imagePullDeadline === 0 ? hour : imagePullDeadline;

/** How long the Job controller may take to create a Pod before its FailedCreate Events are trusted, in milliseconds. */
export const podCreationGrace = 10_000;

/** Whether finished Jobs are kept: spec.jobRetentionPolicy, else the operator's setting. */
export const retainsJobs = ({ spec }: ImageCache, settings: Settings): boolean =>
  (spec.jobRetentionPolicy ?? settings.jobRetentionPolicy) === 'Retain';

/** For how long after a removal the image list of its node is no evidence, in milliseconds: kubelets report it up to 40 s late. */
export const evidenceTime = 150_000;

/** Whether a removal Job ended so recently, or has not ended, that its node may list images that it has removed. */
export const isRecent = ({ endedAt }: Job, now: number): boolean =>
  endedAt === undefined || now - endedAt < evidenceTime;

/**
 * Whether a Job is of the last attempt of its node, whose entry this is. One that is not needed any more did not end within the
 * deadline, and shows why.
 */
export function isOfLastAttempt(
  { job, pod }: JobView,
  entry: LedgerEntry | undefined,
  { status }: ImageCache,
): boolean {
  const made = job ?? pod;
  if (made === undefined || (entry?.state !== 'Failed' && entry?.state !== 'Pulling')) return false;
  const isSame = made.holds.desiredHash === entry.desiredHash && made.attempt === entry.attempt;
  return isSame && made.round === (status.round?.number ?? 0);
}

/** Ids of the nodes on which one of these Pods pulls. Where a node has failed, its Job is retained, and nothing waits for it. */
export function busyNodes(pods: readonly Pod[], cache: ImageCache): ReadonlySet<string> {
  const entries = entriesById(cache.status.nodes);
  const isLeft = (pod: Pod): boolean => {
    const entry = entries.get(pod.nodeId);
    return entry?.state === 'Failed' && isOfLastAttempt({ job: undefined, pod }, entry, cache);
  };
  return new Set(pods.filter((pod) => !isLeft(pod)).map(({ nodeId }) => nodeId));
}

export const entriesById = (nodes: Ledger): ReadonlyMap<string, LedgerEntry> =>
  new Map(Object.values(nodes).map((entry) => [entry.id, entry]));
