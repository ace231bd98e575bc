import { type ImageCache, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { HeldImages, Pod } from '#model/job/pod.ts';
import type { JobView } from '#model/job/job-view.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import type { World } from '#model/world.ts';

/** Whether finished Jobs are kept: spec.jobRetentionPolicy, else the operator's setting. */
export const retainsJobs = ({ spec }: ImageCache, settings: Settings): boolean =>
  (spec.jobRetentionPolicy ?? settings.jobRetentionPolicy) === 'Retain';

/**
 * The names of finished Jobs to keep: their containers protect the images from the kubelet's garbage collection.
 * A Job of an earlier round is deleted once its node is Ready and newer Jobs there hold all of its images.
 */
export function retainedJobs(
  { observed, settings }: World,
  cache: ImageCache,
  desired: DesiredByHash,
): ReadonlySet<string> {
  if (!retainsJobs(cache, settings) || isPurged(cache)) return new Set();
  const entries = new Map(Object.values(cache.status.nodes).map((entry) => [entry.id, entry]));
  const pins = [...observed.jobs].flatMap(([name, view]) => (hasEnded(view) ? [pinOf(name, view)] : []));
  const isNeeded = (pin: Pin): boolean => {
    const entry = entries.get(pin.nodeId);
    if (entry === undefined) return false;
    const isCurrent = pin.round >= (cache.status.round?.number ?? 0) || isRoundOpen(cache.status);
    return isCurrent || entry.state !== 'Ready' || !isReplaced(pin, entry, { pins, desired });
  };
  return new Set(pins.filter(isNeeded).map(({ name }) => name));
}

type Pin = { readonly name: string; readonly nodeId: string; readonly round: number; readonly holds: HeldImages };

function pinOf(name: string, { job, pod }: JobView): Pin {
  const { nodeId = '', round = 0, holds = { desiredHash: '', indexes: [] } } = job ?? pod ?? {};
  return { name, nodeId, round, holds };
}

/** Indexes are valid only for their own desired hash: a Job with another one is replaced when newer ones hold every image. */
function isReplaced(
  { nodeId, round, holds }: Pin,
  { desiredHash }: LedgerEntry,
  { pins, desired }: { readonly pins: readonly Pin[]; readonly desired: DesiredByHash },
): boolean {
  const newer = pins.filter(
    (pin) => pin.nodeId === nodeId && pin.round > round && pin.holds.desiredHash === desiredHash,
  );
  const held = new Set(newer.flatMap((pin) => pin.holds.indexes));
  const all = desired.get(desiredHash)?.images.map((_, index) => index) ?? [];
  return (holds.desiredHash === desiredHash ? holds.indexes : all).every((index) => held.has(index));
}

const hasEnded = ({ job, pod }: JobView): boolean =>
  hasRun(pod) || pod?.phase === 'Succeeded' || job?.outcome === 'Complete' || job?.outcome === 'Failed';

/** Results are recorded when containers report them, a second before the kubelet reports the end of the Pod. */
const hasRun = (pod: Pod | undefined): boolean =>
  pod !== undefined && pod.containers.length > 0 && pod.containers.every(({ state }) => state !== 'waiting');
