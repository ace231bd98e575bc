import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { Rollout } from '#model/cache/spec-schema.ts';
import { hasFailed, hasUntried, isFailed, isUntried } from '#model/cache/image-states.ts';
import type { Ledger, LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { type DesiredByHash, pendingImages } from '#model/desired/desired-images.ts';
import {
  shareOf,
  type Progress,
  byImages,
  canariesOf,
  hasBegun,
  isYetToBegin,
  progressOf,
  rolloutOf,
} from '#model/desired/rollout.ts';
import { roundUpToSecond } from '#model/text/times.ts';
import type { ReasonToWait } from './reason-to-wait.ts';

/*
 * Waves of nodes that need the same images, derived from the ledger alone, so that any function can continue them. The
 * canaries start first. Then as many nodes may pull at once as `growth` for each that has pulled, so that a wave of
 * equal nodes is `growth` times all before it. With a topology, each domain begins with one node and grows by itself.
 * Without a rollout, images that registries did not find have canaries, too: a kubelet may have a login that we have not.
 */

/** A node waits while its wave has no place left. It keeps its place while it waits for a later reason. */
export const wave: ReasonToWait = {
  prepare: ({ settings, now }, cache, desired) => {
    const places = waveBudget(cache, settings, desired, now);
    return {
      waits: ({ entry }) => !hasPlace(entry, places),
      passed: ({ entry }) => {
        const key = waveOf(entry);
        if (isYetToBegin(entry)) places?.set(key, (places.get(key) ?? 0) - 1);
      },
      after: (next, started) => (started.length > 0 ? withStatus(next, { nextWaveTime: undefined }) : next),
    };
  },
};

/** How many nodes that have not begun may start now, by images and domain; undefined: all. */
export type WaveBudget = Map<string, number>;

/** Whether a node may start: it has begun before, or its wave has a place left. */
export const hasPlace = (entry: LedgerEntry, budget: WaveBudget | undefined): boolean =>
  budget === undefined || !isYetToBegin(entry) || (budget.get(waveOf(entry)) ?? 0) > 0;

/** Nodes of one wave need the same images, and are in the same domain. */
const waveOf = ({ desiredHash, topology = '' }: LedgerEntry): string => `${desiredHash} ${topology}`;

/** The places of the present wave. */
export function waveBudget(
  cache: ImageCache,
  settings: Settings,
  desired: DesiredByHash,
  now: number,
): WaveBudget | undefined {
  const rollout = rolloutOf(cache, settings);
  if (rollout === undefined) return canariesOfNewImages(cache, desired, now);
  const { nodes, nextWaveTime = -Infinity } = cache.status;
  const isPausing = now < nextWaveTime || (rollout.pauseSeconds > 0 && isPulling(nodes));
  return new Map(isPausing ? [] : [...byImages(nodes).values()].flatMap((entries) => placesOf(entries, rollout)));
}

function placesOf(entries: readonly LedgerEntry[], rollout: Rollout): readonly (readonly [string, number])[] {
  const progress = progressOf(entries);
  // Those that fail now may fail for good: others wait for that, so that no wave overtakes the limit.
  if (exceedsFailures(progress.failed + progress.failing, progress, rollout)) return [];
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

/** Nodes that try an image first if its registry did not find it for us. */
export const newImageCanaries = 2;

/** How long others wait for these nodes after the round was opened, in milliseconds: one of them may be slow for other reasons. */
const longestCanary = 30_000;

/** The places while no node has pulled an image that its registry did not find; undefined if there is no such image. */
function canariesOfNewImages({ status }: ImageCache, desired: DesiredByHash, now: number): WaveBudget | undefined {
  const { absentImages: suspects, startTime = 0, nodes } = status;
  if (suspects.length === 0 || now - startTime >= longestCanary) return undefined;
  const entries = Object.values(nodes);
  const pulled = pulledImages(entries, desired);
  const doubtful = new Set(suspects.filter((image) => !pulled.has(image)));
  const isDoubtful = (entry: LedgerEntry): boolean =>
    isYetToBegin(entry) && pendingImages(entry, desired.get(entry.desiredHash)).some((image) => doubtful.has(image));
  const places = (wave: readonly LedgerEntry[]): number =>
    wave.some(isDoubtful)
      ? Math.max(0, newImageCanaries - wave.filter(({ attempt, state }) => attempt > 0 && state !== 'Ready').length)
      : Infinity;
  return new Map([...Map.groupBy(entries, waveOf)].map(([key, each]) => [key, places(each)]));
}

/** The images that some node has pulled in this round, or found that it has them. */
export function pulledImages(entries: readonly LedgerEntry[], desired: DesiredByHash): ReadonlySet<string> {
  const pulled = new Set<string>();
  const complete = new Set<string>();
  for (const entry of entries) {
    const { desiredHash, state, opening } = entry;
    const isTried = state === 'Ready' || state === 'Failed' || opening !== undefined || hasFailed(entry);
    if (complete.has(desiredHash) || !isTried || !hasBegun(entry)) continue;
    const lacks = (index: number): boolean => isFailed(entry, index) || isUntried(entry, index);
    desired.get(desiredHash)?.images.forEach((image, index) => lacks(index) || pulled.add(image));
    if (!hasFailed(entry) && !hasUntried(entry)) complete.add(desiredHash);
  }
  return pulled;
}

/** Holds the nodes that a stopped rollout has not begun: they keep what they have. They wait again once it goes on. */
export function holdNodes(cache: ImageCache, settings: Settings): ImageCache {
  const rollout = rolloutOf(cache, settings);
  const { nodes } = cache.status;
  if (rollout === undefined && !Object.values(nodes).some(({ state }) => state === 'Held')) return cache;
  const stopped = new Set(
    [...byImages(nodes)].flatMap(([hash, entries]) =>
      rollout !== undefined && stopReason(entries, rollout) !== '' ? [hash] : [],
    ),
  );
  const entries = Object.entries(nodes).map(([name, entry]): [string, LedgerEntry] => {
    if (!isYetToBegin(entry)) return [name, entry];
    if (stopped.has(entry.desiredHash)) return [name, { ...entry, state: 'Held', reason: 'RolloutStopped' }];
    return [name, entry.state === 'Held' ? { ...entry, state: 'Pending', reason: '' } : entry];
  });
  return withStatus(cache, { nodes: Object.fromEntries(entries) });
}

/** Why no more nodes start: too many have failed, or all canaries have; '' if more start. */
export function stopReason(entries: readonly LedgerEntry[], rollout: Rollout): string {
  const progress = progressOf(entries);
  const { total, ready, running, failed } = progress;
  if (failed > 0 && ready + running === 0 && failed >= canariesOf(rollout, total))
    return failed === 1 ? 'its canary failed' : `all ${failed} canaries failed`;
  if (!exceedsFailures(failed, progress, rollout)) return '';
  return `${failed} nodes failed, and ${shareOf(rollout.maxFailedNodes, total)} may`;
}

const exceedsFailures = (failed: number, { total }: Pick<Progress, 'total'>, { maxFailedNodes }: Rollout): boolean =>
  failed > shareOf(maxFailedNodes, total);

/** Sets when the wave that has just ended is followed by the next, if the rollout pauses. */
export function endWave(before: ImageCache, cache: ImageCache, settings: Settings, now: number): ImageCache {
  const { pauseSeconds = 0 } = rolloutOf(cache, settings) ?? {};
  const { nodes } = cache.status;
  const isOver = isPulling(before.status.nodes) && !isPulling(nodes) && Object.values(nodes).some(isYetToBegin);
  return pauseSeconds > 0 && isOver
    ? withStatus(cache, { nextWaveTime: roundUpToSecond(now + pauseSeconds * 1000) })
    : cache;
}

const isPulling = (nodes: Ledger): boolean =>
  Object.values(nodes).some(
    (entry) => entry.state === 'Pulling' || (entry.state === 'Pending' && !isYetToBegin(entry)),
  );
