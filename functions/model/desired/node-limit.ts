import { isRoundOpen, type ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';

/** How many nodes one plan starts at most: their Jobs are created right after, within one delivery. */
export const maxNodesStarted = 400;

/** How many more nodes of `total` may start when `running` are at work; 0 or more, Infinity without a limit. */
export const freeNodeSlots = (cache: ImageCache, settings: Settings, running: number, total: number): number =>
  Math.max(0, nodeLimit(cache, settings, total) - running);

/** How many more nodes may start pulling; 0 or more, Infinity without a limit. */
export function freePullSlots(cache: ImageCache, settings: Settings): number {
  const entries = Object.values(cache.status.nodes);
  const running = entries.filter(({ state }) => state === 'Pulling').length;
  const total = entries.filter(({ state }) => state !== 'Skipped').length;
  return freeNodeSlots(cache, settings, running, total);
}

/** How many nodes may be at work at once. A cache adopted in the middle of a round starts with 10 %. */
function nodeLimit(cache: ImageCache, settings: Settings, total: number): number {
  const configured = cache.spec.maxConcurrentNodes ?? (settings.jobsMaxSurge === 0 ? undefined : settings.jobsMaxSurge);
  const limit = nodesOf(configured, total);
  const startsGently = cache.status.round?.trigger === 'Adopted' && isRoundOpen(cache.status);
  return startsGently ? Math.min(limit, nodesOf('10%', total)) : limit;
}

/** A number or a percentage of `total`, at least 1, so that a small percentage of few nodes does not stop all work. */
const nodesOf = (value: number | string | undefined, total: number): number =>
  value === undefined ? Infinity : Math.max(1, shareOf(value, total));

/** A number, or a percentage of `total` rounded up. */
export function shareOf(value: number | string, total: number): number {
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined;
  return percent === undefined ? Number(value) : Math.ceil((Number(percent) * total) / 100);
}
