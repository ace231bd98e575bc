import { isRoundOpen, type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { HeldImages, Pod } from '#model/job/pod.ts';
import type { JobView } from '#model/job/job-view.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import type { World } from '#model/world.ts';

/** Whether Jobs that have done their work are to stay for a while. */
export const retainsJobs = ({ spec }: ImageCache, settings: Settings): boolean =>
  (spec.jobRetentionPolicy ?? settings.jobRetentionPolicy) === 'Retain';

/**
 * The Jobs, by name, that are kept on request when they have done their work: their dead containers protect the images.
 * One of an older round goes when its node is done with and newer Jobs there hold all that it does: a refresh that has nothing to pull on a node has none.
 */
export function retainedJobs(
  { observed, settings }: World,
  cache: ImageCache,
  wanted: DesiredByHash,
): ReadonlySet<string> {
  if (!retainsJobs(cache, settings) || isPurged(cache)) return new Set();
  const entries = new Map(Object.values(cache.status.nodes).map((entry) => [entry.id, entry]));
  const pins = [...observed.jobs].flatMap(([name, view]) => (hasEnded(view) ? [pinOf(name, view)] : []));
  const isNeeded = (pin: Pin): boolean => {
    const entry = entries.get(pin.nodeId);
    if (entry === undefined) return false;
    const isCurrent = pin.round >= (cache.status.round?.number ?? 0) || isRoundOpen(cache.status);
    return isCurrent || entry.state !== 'Ready' || !isReplaced(pin, entry, { pins, wanted });
  };
  return new Set(pins.filter(isNeeded).map(({ name }) => name));
}

type Pin = { readonly name: string; readonly nodeId: string; readonly round: number; readonly holds: HeldImages };

function pinOf(name: string, { job, pod }: JobView): Pin {
  const { nodeId = '', round = 0, holds = { desiredHash: '', indexes: [] } } = job ?? pod ?? {};
  return { name, nodeId, round, holds };
}

/** Indexes mean something only for the want that they are of: a Job for another one goes when newer ones hold everything. */
function isReplaced(
  { nodeId, round, holds }: Pin,
  { desiredHash }: LedgerEntry,
  { pins, wanted }: { readonly pins: readonly Pin[]; readonly wanted: DesiredByHash },
): boolean {
  const newer = pins.filter(
    (pin) => pin.nodeId === nodeId && pin.round > round && pin.holds.desiredHash === desiredHash,
  );
  const held = new Set(newer.flatMap((pin) => pin.holds.indexes));
  const all = wanted.get(desiredHash)?.images.map((_, index) => index) ?? [];
  return (holds.desiredHash === desiredHash ? holds.indexes : all).every((index) => held.has(index));
}

const hasEnded = ({ job, pod }: JobView): boolean =>
  hasRun(pod) || pod?.phase === 'Succeeded' || job?.outcome === 'Complete' || job?.outcome === 'Failed';

/** Results are recorded as soon as containers tell them: a second later the kubelet says that the Pod has ended. */
const hasRun = (pod: Pod | undefined): boolean =>
  pod !== undefined && pod.containers.length > 0 && pod.containers.every(({ state }) => state !== 'waiting');
