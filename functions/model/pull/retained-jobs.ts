import { type ImageCache, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import { failedOf } from '#model/cache/image-states.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { isFailingToPull as isFailing, type HeldImages, type Pod, type JobView } from '#model/job/job.ts';
import { containerName } from '#model/job/job-pod.ts';
import { entriesById, isOfLastAttempt, retainsJobs } from '#model/job/job-times.ts';
import { podsIn, pullsPerNode } from '#model/start/node-busy.ts';
import type { DesiredByHash } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';

/**
 * The names of Jobs to keep, also of those that failed: their containers protect images from the kubelet's garbage
 * collection, and show why others are missing. A Job of an earlier round is deleted once newer Jobs on its node hold what it
 * holds, and have tried what it could not pull.
 */
export function retainedJobs(world: World, cache: ImageCache, desired: DesiredByHash): ReadonlySet<string> {
  const { observed, settings } = world;
  if (!retainsJobs(cache, settings) || isPurged(cache)) return new Set();
  const entries = entriesById(cache.status.nodes);
  // Jobs that open images hold none: those that pulled do.
  const pins = [...observed.jobs]
    .flatMap(([name, view]) => (hasEnded(view) ? [pinOf(name, view)] : []))
    .filter(({ holds }) => holds.desiredHash !== '');
  const late = [...observed.jobs].filter(([, view]) => {
    const entry = entries.get((view.job ?? view.pod)?.nodeId ?? '');
    return !hasEnded(view) && isOfLastAttempt(view, entry, cache);
  });
  const { round: { number = 0 } = {} } = cache.status;
  const emptied = new Set(Object.values(cache.status.removals).map(({ id }) => id));
  const isNeeded = (pin: Pin): boolean => {
    const entry = entries.get(pin.nodeId);
    if (entry === undefined) return false;
    // It would be taken for the Job that pulls again, under the same name, what is removed now.
    if (pin.round === number && pin.holds.desiredHash !== entry.desiredHash && emptied.has(pin.nodeId)) return false;
    const isCurrent = pin.round >= number || isRoundOpen(cache.status);
    return isCurrent || !isReplaced(pin, entry, { pins, desired });
  };
  const names = [...pins.filter(isNeeded).map(({ name }) => name), ...late.map(([name]) => name)];
  return new Set(names.filter((name) => !isInTheWay(observed.jobs.get(name), world)));
}

/**
 * Whether the Pod of a Job that failed takes the place of one that would pull: it backs off or hangs, and does not end. Such
 * Pods may be half of those that may be on the node, so that other caches do not wait for them for ever; with a limit over all
 * caches there is none, as each would count for ever.
 */
function isInTheWay(view: JobView | undefined, { otherPulls, settings, before }: World): boolean {
  const { podsPerNode } = settings.limits;
  const pod = view?.pod;
  if (pod === undefined || isEnding(pod)) return false;
  if (settings.jobsMaxSurge > 0) return true;
  if (podsPerNode === 0) return false;
  return podsIn(otherPulls.get(pod.nodeId)) + pullsPerNode(before, settings) > podsPerNode / 2;
}

/** Whether the Pod has ended, or its containers have, before the kubelet reports its end. */
const isEnding = ({ phase, containers }: Pod): boolean =>
  phase === 'Succeeded' ||
  phase === 'Failed' ||
  (containers.length > 0 && containers.every(({ state }) => state === 'terminated'));

type Pin = {
  readonly name: string;
  readonly nodeId: string;
  readonly round: number;
  readonly holds: HeldImages;
  /** Indexes of the images that its Pod could not pull. */
  readonly failed: ReadonlySet<number>;
};

function pinOf(name: string, { job, pod }: JobView): Pin {
  const { nodeId = '', round = 0, holds = { desiredHash: '', indexes: [] } } = job ?? pod ?? {};
  const failing = new Set(pod?.containers.filter(isFailing).map((container) => container.name));
  const isLost = pod === undefined && job?.outcome === 'Failed';
  const failed = holds.indexes.filter((index) => isLost || failing.has(containerName(index)));
  return { name, nodeId, round, holds, failed: new Set(failed) };
}

/** Indexes are valid only for their own desired hash: a Job with another one is replaced when newer ones hold every image. */
function isReplaced(
  { nodeId, round, holds, failed }: Pin,
  entry: LedgerEntry,
  { pins, desired }: { readonly pins: readonly Pin[]; readonly desired: DesiredByHash },
): boolean {
  const { desiredHash } = entry;
  const newer = pins.filter(
    (pin) => pin.nodeId === nodeId && pin.round > round && pin.holds.desiredHash === desiredHash,
  );
  const tried = new Set(newer.flatMap((pin) => pin.holds.indexes));
  const held = new Set(newer.flatMap((pin) => pin.holds.indexes.filter((index) => !pin.failed.has(index))));
  const { images = [] } = desired.get(desiredHash) ?? {};
  const all = [...images.keys()];
  for (const index of failedOf(entry, images.length)) held.delete(index);
  if (holds.desiredHash !== desiredHash) return all.every((index) => held.has(index));
  return holds.indexes.every((index) => (failed.has(index) ? tried : held).has(index));
}

const hasEnded = ({ job, pod }: JobView): boolean =>
  hasRun(pod) || pod?.phase === 'Succeeded' || job?.outcome === 'Complete' || job?.outcome === 'Failed';

/**
 * Results are recorded when containers report them, a second before the kubelet reports the end of the Pod, and it reports
 * none for a Pod that backs off.
 */
const hasRun = (pod: Pod | undefined): boolean =>
  pod !== undefined &&
  pod.containers.length > 0 &&
  pod.containers.every((container) => container.state !== 'waiting' || isFailing(container));
