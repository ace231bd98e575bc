import { type ImageCache, isRoundOpen } from '#model/cache/image-cache.ts';
import type { Rollout } from '#model/cache/spec-schema.ts';
import { isFailing, type Ledger, type LedgerEntry } from '#model/cache/ledger.ts';
import { timeText } from '#model/text/times.ts';
import type { Settings } from '#model/cache/settings.ts';

/** In which waves the nodes of a cache start; undefined: all at once. */
export const rolloutOf = ({ spec }: ImageCache, settings: Pick<Settings, 'rollout'>): Rollout | undefined =>
  spec.rollout ?? settings.rollout;

/** How far the nodes are that need the same images. */
export type Progress = {
  readonly total: number;
  readonly ready: number;
  readonly running: number;
  readonly failed: number;
  /** Of those that run: their pulls fail, and are tried again. */
  readonly failing: number;
  /** Not begun, held ones included. */
  readonly waiting: number;
};

/** Whether a Job was created for what the node must have now. One that opens images has pulled them. */
export const hasBegun = ({ attempt, opening }: LedgerEntry): boolean => attempt > 0 || opening !== undefined;

/** Whether the first attempt of a node is still to start, now or in a later wave. */
export const isYetToBegin = (entry: LedgerEntry): boolean =>
  entry.state === 'Held' || (entry.state === 'Pending' && !hasBegun(entry));

/** Skipped nodes take no part. */
export function progressOf(entries: readonly LedgerEntry[]): Progress {
  const count = (is: (entry: LedgerEntry) => boolean): number => entries.filter(is).length;
  const total = count(({ state }) => state !== 'Skipped');
  const waiting = count(isYetToBegin);
  const failed = count(({ state }) => state === 'Failed');
  const ready = count(({ state, opening }) => state === 'Ready' || (opening !== undefined && isAtWork(state)));
  const failing = count(isFailing);
  return { total, waiting, ready, failed, failing, running: total - waiting - ready - failed };
}

const isAtWork = (state: LedgerEntry['state']): boolean => state === 'Pending' || state === 'Pulling';

/** The nodes of a ledger by the images that they need. */
export const byImages = (nodes: Ledger): ReadonlyMap<string, readonly LedgerEntry[]> =>
  Map.groupBy(Object.values(nodes), ({ desiredHash }) => desiredHash);

/** How many canaries there are; at least 1. */
export const canariesOf = ({ canaryNodes }: Rollout, total: number): number => Math.max(1, shareOf(canaryNodes, total));

/** The sizes of the waves of `total` nodes, of which some are ready, if none fails and all pull equally fast. */
export function waveSizes(rollout: Rollout, total: number, ready = 0): readonly number[] {
  const sizes: number[] = [];
  for (let begun = ready; begun < total; begun += sizes.at(-1) ?? total) {
    const next = begun === 0 ? canariesOf(rollout, total) : begun * rollout.growth;
    sizes.push(Math.min(next, total - begun));
  }
  return sizes;
}

/** How far the largest rollout of a cache is; '' if none is in progress. */
export function waveText(rollout: Rollout | undefined, nodes: Ledger, nextWaveTime: number | undefined): string {
  if (rollout === undefined) return '';
  const left = ({ waiting, running }: Progress): number => waiting + running;
  const [largest] = [...byImages(nodes).values()].map(progressOf).toSorted((a, b) => left(b) - left(a));
  if (largest === undefined || left(largest) === 0) return '';
  const { total, waiting, ready } = largest;
  const pause = nextWaveTime === undefined ? '' : `; the next wave starts at ${timeText(nextWaveTime)} or later`;
  return `${waveNumber(rollout, total, total - waiting)}: ${ready} of ${total} nodes have pulled${pause}`;
}

function waveNumber(rollout: Rollout, total: number, begun: number): string {
  // Domains grow by themselves, so that there are no common waves.
  if (rollout.topologyKey !== '') return `Waves by ${rollout.topologyKey}`;
  const sizes = waveSizes(rollout, total);
  let [wave, end] = [0, 0];
  while (end < begun) end += sizes[wave++] ?? total;
  return `Wave ${Math.max(1, wave)} of ${sizes.length}`;
}

/** How many nodes one plan starts at most: their Jobs are created right after, within one delivery. */
export const maxNodesStarted = 400;

/** How many more nodes of `total` may start when `running` are at work; 0 or more, Infinity without a limit. */
export const freeNodeSlots = (cache: ImageCache, running: number, total: number): number =>
  Math.max(0, nodeLimit(cache, total) - running);

/** How many more nodes may start pulling; 0 or more, Infinity without a limit. */
export function freePullSlots(cache: ImageCache): number {
  const entries = Object.values(cache.status.nodes);
  const running = entries.filter(({ state }) => state === 'Pulling').length;
  const total = entries.filter(({ state }) => state !== 'Skipped').length;
  return freeNodeSlots(cache, running, total);
}

/** How many nodes may be at work at once. A cache adopted in the middle of a round starts with 10 %. */
function nodeLimit(cache: ImageCache, total: number): number {
  const limit = nodesOf(cache.spec.maxConcurrentNodes, total);
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
