import { isRoundOpen, type ImageCache, type Status } from './image-cache.ts';
import type { LedgerEntry } from './ledger.ts';
import type { Settings } from './settings.ts';
import type { WantedByHash } from './survey.ts';
import type { World } from './world.ts';

/** How many nodes are claimed in one plan: their Jobs are made right after, within one delivery. */
export const mostClaims = 400;

/** The status with the next nodes claimed: those that wait, as many as may pull at once. A claim comes before its Jobs. */
export function claim(
  world: World,
  cache: ImageCache,
  wanted: WantedByHash,
): { readonly status: Status; readonly hasMore: boolean } {
  const { status } = cache;
  const waiting = Object.entries(status.nodes).filter(([name, entry]) => isClaimable(name, entry, world, wanted));
  const free = freeSlots(cache, world.settings);
  const claimed = waiting.slice(0, Math.min(free, mostClaims));
  const entries = claimed.map(
    ([name, entry]) => [name, { ...entry, state: 'Pulling', attempt: entry.attempt + 1 }] as const,
  );
  const left = free - claimed.length;
  const hasMore = left > 0 && (waiting.length > claimed.length || hasUnseen(status, world));
  return { status: { ...status, nodes: { ...status.nodes, ...Object.fromEntries(entries) } }, hasMore };
}

/** Nodes that wait and were not looked at, though there is room for them: those that were had to be skipped. */
const hasUnseen = ({ nodes }: Status, { observed }: World): boolean =>
  !observed.hasAllNodes &&
  Object.entries(nodes).some(([name, { state }]) => state === 'Pending' && !observed.nodes.has(name));

const isClaimable = (name: string, entry: LedgerEntry, { observed }: World, wanted: WantedByHash): boolean =>
  entry.state === 'Pending' && observed.nodes.get(name) !== undefined && wanted.has(entry.want);

/** How many more nodes may be claimed now; not below 0, Infinity where there is no limit. */
export function freeSlots(cache: ImageCache, settings: Settings): number {
  const pulling = Object.values(cache.status.nodes).filter(({ state }) => state === 'Pulling').length;
  return Math.max(0, surge(cache, settings) - pulling);
}

/** How many nodes may pull at once. A cache taken over in the middle of its work starts gently. */
function surge(cache: ImageCache, settings: Settings): number {
  const { round, nodes } = cache.status;
  const concerned = Object.values(nodes).filter(({ state }) => state !== 'Skipped').length;
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
