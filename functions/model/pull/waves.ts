import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { Rollout } from '#model/cache/spec-fields.ts';
import type { Ledger, LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { shareOf } from '#model/desired/node-limit.ts';
import {
  type Progress,
  byImages,
  canariesOf,
  isWaitingForWave,
  progressOf,
  rolloutOf,
} from '#model/desired/rollout.ts';
import type { World } from '#model/world.ts';

/*
 * Waves of nodes that need the same images, derived from the ledger alone, so that any function can continue them. The
 * canaries start first. Then as many nodes may pull at once as `growth` for each that has pulled, so that a wave of
 * equal nodes is `growth` times all before it. With a topology, each domain begins with one node and grows by itself.
 */

/** Holds the nodes that a stopped rollout has not begun: they keep what they have. They wait again once it goes on. */
export function holdNodes({ settings }: World, cache: ImageCache): ImageCache {
  const rollout = rolloutOf(cache, settings);
  const { nodes } = cache.status;
  if (rollout === undefined && !Object.values(nodes).some(({ state }) => state === 'Held')) return cache;
  const isStoppedFor = new Map(
    [...byImages(nodes)].map(([hash, entries]) => [
      hash,
      rollout !== undefined && isStopped(progressOf(entries), rollout),
    ]),
  );
  const entries = Object.entries(nodes).map(([name, entry]): [string, LedgerEntry] => {
    if (!isWaitingForWave(entry)) return [name, entry];
    if (isStoppedFor.get(entry.desiredHash) === true) return [name, { ...entry, ...held }];
    return [name, entry.state === 'Held' ? { ...entry, ...waiting } : entry];
  });
  return withStatus(cache, { nodes: Object.fromEntries(entries) });
}

const held = { state: 'Held', reason: 'RolloutStopped' } as const;
const waiting = { state: 'Pending', reason: '' } as const;

/** Whether no more nodes start: too many have failed, or all canaries have. */
function isStopped({ total, ready, running, failed }: Progress, rollout: Rollout): boolean {
  if (failed > shareOf(rollout.maxFailedNodes, total)) return true;
  return failed > 0 && ready + running === 0 && failed >= canariesOf(rollout, total);
}

/** Sets when the wave that has just ended is followed by the next, if the rollout pauses. */
export function endWave({ before, settings, now }: World, cache: ImageCache): ImageCache {
  const { pauseSeconds = 0 } = rolloutOf(cache, settings) ?? {};
  const { nodes } = cache.status;
  const isOver = isPulling(before.status.nodes) && !isPulling(nodes) && Object.values(nodes).some(isWaitingForWave);
  return pauseSeconds > 0 && isOver ? withStatus(cache, { nextWaveTime: now + pauseSeconds * 1000 }) : cache;
}

const isPulling = (nodes: Ledger): boolean =>
  Object.values(nodes).some(
    (entry) => entry.state === 'Pulling' || (entry.state === 'Pending' && !isWaitingForWave(entry)),
  );

/** How many nodes that have not begun may start now, by images and domain. */
export type WaveBudget = Map<string, number>;

/** The budget of the present wave; undefined without a rollout. */
export function waveBudget(cache: ImageCache, settings: Settings, now: number): WaveBudget | undefined {
  const rollout = rolloutOf(cache, settings);
  if (rollout === undefined) return undefined;
  const { nodes, nextWaveTime = -Infinity } = cache.status;
  const isPausing = now < nextWaveTime || (rollout.pauseSeconds > 0 && isPulling(nodes));
  return new Map(isPausing ? [] : [...byImages(nodes).values()].flatMap((entries) => budgetOf(entries, rollout)));
}

function budgetOf(entries: readonly LedgerEntry[], rollout: Rollout): readonly (readonly [string, number])[] {
  const progress = progressOf(entries);
  const domains = [...Map.groupBy(entries, waveOf)].map(([key, each]) => [key, progressOf(each)] as const);
  if (rollout.topologyKey !== '' && progress.ready > 0)
    return domains.map(([key, each]) => [key, allowed(each, rollout, 1)]);
  return spread(domains, allowed(progress, rollout, canariesOf(rollout, progress.total) - progress.failed));
}

/** How many more nodes may start, if `first` may before any has pulled. */
const allowed = ({ ready, running }: Progress, { growth }: Rollout, first: number): number =>
  Math.max(0, (ready === 0 ? first : growth * ready) - running);

/** Divides a number of nodes between domains, as evenly as the nodes that wait in each allow. */
function spread(domains: readonly (readonly [string, Progress])[], nodes: number): readonly [string, number][] {
  let left = nodes;
  // The smallest first: what it cannot take, the others can.
  const sorted = domains.toSorted(([, a], [, b]) => a.waiting - b.waiting);
  return sorted.map(([key, { waiting: most }], index) => {
    const share = Math.min(most, Math.ceil(left / (sorted.length - index)));
    left -= share;
    return [key, share];
  });
}

/** Nodes of one wave: they need the same images, and are in the same domain. */
export const waveOf = ({ desiredHash, topology = '' }: LedgerEntry): string => `${desiredHash} ${topology}`;

/** Whether a node may start within the budget, from which it is then taken. */
export function takesTurn(entry: LedgerEntry, budget: WaveBudget | undefined): boolean {
  if (!hasTurn(entry, budget)) return false;
  if (isWaitingForWave(entry)) budget?.set(waveOf(entry), (budget.get(waveOf(entry)) ?? 0) - 1);
  return true;
}

/** Whether a node may start: it repeats images, or its wave has room. */
export const hasTurn = (entry: LedgerEntry, budget: WaveBudget | undefined): boolean =>
  budget === undefined || !isWaitingForWave(entry) || (budget.get(waveOf(entry)) ?? 0) > 0;
