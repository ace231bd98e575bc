import { isRoundOpen, type ImageCache, type Status } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Observed } from '#model/observed.ts';
import type { Plan } from '#model/plan.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/** How many nodes are claimed in one plan: their Jobs are made right after, within one delivery. */
export const maxNodesStarted = 400;

/** The status with the next nodes claimed: those that wait, as many as may pull at once. A claim comes before its Jobs. */
export function startNodes(
  world: World,
  cache: ImageCache,
  wanted: DesiredByHash,
): { readonly status: Status; readonly more: Plan['observeNext'] } {
  const { status } = cache;
  const waiting = Object.entries(status.nodes).filter(([name, entry]) => isClaimable(name, entry, world, wanted));
  const free = freeSlots(cache, world.settings);
  const claimed = waiting.slice(0, Math.min(free, maxNodesStarted));
  const entries = claimed.map(
    ([name, entry]) =>
      [name, { ...entry, state: 'Pulling', attempt: entry.attempt + 1, finishedJobs: undefined }] as const,
  );
  const left = free - claimed.length;
  const isMore = left > 0 && waiting.length > claimed.length;
  const beyond = claimed.length > 0 ? 'next' : 'unseen';
  const more = isMore ? 'seen' : left > 0 && hasUnseen(status, world) ? beyond : 'none';
  return { status: { ...status, nodes: { ...status.nodes, ...Object.fromEntries(entries) } }, more };
}

/** Nodes that wait and were not looked at, though there is room for them: where none of those that were could be claimed, any may be the next. */
const hasUnseen = ({ nodes }: Status, { observed }: World): boolean =>
  !observed.hasAllNodes &&
  Object.entries(nodes).some(([name, { state }]) => state === 'Pending' && !observed.nodes.has(name));

function isClaimable(name: string, entry: LedgerEntry, { observed, before }: World, wanted: DesiredByHash): boolean {
  const want = wanted.get(entry.desiredHash);
  if (entry.state !== 'Pending' || observed.nodes.get(name) === undefined || want === undefined) return false;
  return (
    ownEntry(before.status.removals, name)?.state !== 'Removing' && !isBeingRemoved(want.images, entry.id, observed)
  );
}

/** On one node an image is either pulled or removed, whichever cache asks for it. */
function isBeingRemoved(images: readonly string[], nodeId: string, { removals }: Observed): boolean {
  const underWay = removals.underWay.get(nodeId);
  return underWay !== undefined && images.some((image) => underWay.has(normalisedReference(image)));
}

/** How many more nodes may be claimed now; not below 0, Infinity where there is no limit. */
export function freeSlots(cache: ImageCache, settings: Settings): number {
  const entries = Object.values(cache.status.nodes);
  const concerned = entries.filter(({ state }) => state !== 'Skipped').length;
  return freeNodeSlots(cache, settings, {
    at: entries.filter(({ state }) => state === 'Pulling').length,
    of: concerned,
  });
}

/** The same for any work: how many nodes are at it now, of how many. */
export const freeNodeSlots = (cache: ImageCache, settings: Settings, { at, of }: { at: number; of: number }): number =>
  Math.max(0, surge(cache, settings, of) - at);

/** How many nodes may pull at once. A cache taken over in the middle of its work starts gently. */
function surge(cache: ImageCache, settings: Settings, concerned: number): number {
  const { round } = cache.status;
  const most = limit(
    cache.spec.maxConcurrentNodes ?? (settings.jobsMaxSurge === 0 ? undefined : settings.jobsMaxSurge),
    concerned,
  );
  const isGentle = round?.trigger === 'Adopted' && isRoundOpen(cache.status);
  return isGentle ? Math.min(most, limit('10%', concerned)) : most;
}

/** At least one, so that a small percentage of few nodes is not a standstill. */
function limit(value: number | string | undefined, concerned: number): number {
  if (value === undefined) return Infinity;
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined;
  const nodes = percent === undefined ? Number(value) : Math.ceil((Number(percent) * concerned) / 100);
  return Math.max(1, nodes);
}
