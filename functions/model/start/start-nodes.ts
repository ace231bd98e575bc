import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { Ledger } from '#model/cache/ledger.ts';
import { maxNodesStarted } from '#model/desired/rollout.ts';
import { type DesiredByHash, pendingImages } from '#model/desired/desired-images.ts';
import type { Observed } from '#model/observed.ts';
import type { Query } from '#model/observed.ts';
import type { World } from '#model/world.ts';
import { nodeBusy } from './node-busy.ts';
import { nodeLimit } from './node-limit.ts';
import type { Candidate, Check, ReasonToWait } from './reason-to-wait.ts';
import { registryLimit } from './registry-limit.ts';
import { removalInProgress } from './removal-in-progress.ts';
import { surgeLimit } from './surge-limit.ts';
import { wave } from './wave.ts';

/** Why a pending node does not start now: the first of these that applies. The limits of nodes and Pods are last, so that nodes that wait anyway do not count. */
const reasonsToWait: readonly ReasonToWait[] = [
  removalInProgress,
  nodeBusy,
  wave,
  registryLimit,
  nodeLimit,
  surgeLimit,
];

/**
 * Starts the next attempt on the pending nodes that have no reason to wait. The ledger records the attempt before its Jobs
 * exist. A wait costs no attempt.
 */
export function startNodes(
  world: World,
  cache: ImageCache,
  desired: DesiredByHash,
): { readonly next: ImageCache; readonly observeNext: Query } {
  const checks = reasonsToWait.map(({ records, prepare }) => ({ records, ...prepare(world, cache, desired) }));
  const candidates = candidatesIn(world.observed.nodes, cache, desired);
  const changed: Record<string, Ledger[string]> = {};
  const started: Candidate[] = [];
  let hasMore = false;
  for (const candidate of candidates.filter(({ node }) => node !== undefined)) {
    const { name, entry } = candidate;
    const reason = firstReason(candidate, checks);
    if (reason !== undefined) changed[name] = { ...entry, ...reason.records };
    else if (started.length === maxNodesStarted) hasMore = true;
    else {
      for (const check of checks) check.started?.(candidate);
      started.push(candidate);
      changed[name] = { ...entry, state: 'Pulling', reason: '', attempt: entry.attempt + 1 };
    }
  }
  const recorded = withStatus(cache, { nodes: { ...cache.status.nodes, ...changed } });
  const next = checks.reduce((status, { after }) => after?.(status, started) ?? status, recorded);
  if (hasMore) return { next, observeNext: 'same' };
  const unobserved = world.observed.hasAllNodes ? [] : candidates.filter(({ node }) => node === undefined);
  if (!unobserved.some((candidate) => checks.every((check) => !check.waits(candidate))))
    return { next, observeNext: 'nothing' };
  // If none of the observed nodes could start, any of the others may be the next one.
  return { next, observeNext: started.length > 0 ? 'pending' : 'everything' };
}

function firstReason<C extends Check>(candidate: Candidate, checks: readonly C[]): C | undefined {
  for (const check of checks) {
    if (check.waits(candidate)) return check;
    check.passed?.(candidate);
  }
  return undefined;
}

/** The pending nodes; of the observed ones only those whose images are known. */
const candidatesIn = (nodes: Observed['nodes'], { status }: ImageCache, desired: DesiredByHash): readonly Candidate[] =>
  Object.entries(status.nodes).flatMap(([name, entry]): readonly Candidate[] => {
    const images = desired.get(entry.desiredHash);
    const node = nodes.get(name);
    if (entry.state !== 'Pending' || (images === undefined && node !== undefined)) return [];
    return [{ name, entry, node, images: images?.images ?? [], pending: pendingImages(entry, images) }];
  });
