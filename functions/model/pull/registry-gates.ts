import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { type RegistryUse, noUse, possibleUse } from '#model/cache/registry-use.ts';
import type { DesiredByHash, DesiredImages } from '#model/desired/desired-images.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { budgetLeft } from './registry-budget.ts';
import { costOf } from './registry-cost.ts';
import { type Gate, openGate } from './registry-gate.ts';
import { restBounds } from './registry-rests.ts';

/*
 * Registries that throttle, or have a budget, are gates through which nodes start. What is used is in the status of each
 * cache, and what others have used is read from theirs.
 */

/** Nodes that try a registry after it has rested, until one of them has pulled from it. */
const nodesAfterRest = 1;

/** A cache without the uses that no process can have recorded. */
export function withPossibleUses(cache: ImageCache, now: number): ImageCache {
  const uses = Object.entries(cache.status.registries);
  if (uses.length === 0) return cache;
  return withStatus(cache, {
    registries: Object.fromEntries(uses.map(([host, use]) => [host, possibleUse(use, now)])),
  });
}

/** By registry; those without an entry are open. */
export type Gates = ReadonlyMap<string, Gate>;

/** The registries that limit what may start now. */
export function registryGates(world: World, cache: ImageCache, desired: DesiredByHash): Gates {
  const { settings, otherRegistryUse } = world;
  const { registries } = cache.status;
  const limited = [...Object.keys(settings.registryBudgets), ...Object.keys(registries), ...otherRegistryUse.keys()];
  const gates = [...new Set(limited)].map((host) => [host, gateOf(host, world, { cache, desired })] as const);
  return new Map(gates.flatMap(([host, gate]) => (gate === undefined ? [] : [[host, gate]])));
}

type Started = { readonly cache: ImageCache; readonly desired: DesiredByHash };

function gateOf(host: string, world: World, { cache, desired }: Started): Gate | undefined {
  const { now, otherRegistryUse } = world;
  const own = ownEntry(cache.status.registries, host) ?? noUse;
  const restsUntil = Math.max(own.restsUntil ?? 0, otherRegistryUse.get(host)?.rest?.restsUntil ?? 0);
  if (restsUntil > now) return { ...openGate, nodes: 0, until: restsUntil };
  const gate = withPullsLeft(budgetLeft(host, world, cache), own, now);
  if (own.restsUntil === undefined) return gate;
  const running = Object.values(cache.status.nodes).filter(
    (entry) => entry.state === 'Pulling' && (costOf(entry, desired.get(entry.desiredHash)).get(host) ?? 0) > 0,
  );
  return { ...(gate ?? openGate), nodes: nodesAfterRest - running.length, until: untilTried(own, now) };
}

/** What the registry reported as left is never exceeded, not even by a node that needs more. */
function withPullsLeft(
  gate: Gate | undefined,
  { pullsLeft = Infinity, pullsLeftUntil = 0 }: RegistryUse,
  now: number,
): Gate | undefined {
  const isTighter = pullsLeftUntil > now && pullsLeft < (gate?.pulls ?? Infinity);
  return isTighter ? { ...(gate ?? openGate), pulls: pullsLeft, isUnused: false, until: pullsLeftUntil } : gate;
}

/** When to expect the result of the node that tries it; changes once a minute at most, to avoid a status write per decision. */
function untilTried({ waitsUntil = 0 }: RegistryUse, now: number): number {
  return waitsUntil > now && waitsUntil <= now + restBounds.least ? waitsUntil : now + restBounds.least;
}

/** A node that needs more than the whole share starts once its namespace has used nothing, since others may never stop. */
const takes = ({ nodes, pulls, share, isUnused }: Gate, cost: number): boolean =>
  nodes > 0 && (pulls >= cost || (isUnused && cost > share && pulls > 0));

/** Whether the gates admit a node; if so, deducts its pulls from them. */
export function passesGates(entry: LedgerEntry, desired: DesiredImages | undefined, gates: Gates): boolean {
  if (gates.size === 0) return true;
  const costs = [...costOf(entry, desired)].flatMap(([host, cost]) => {
    const gate = gates.get(host);
    return gate === undefined ? [] : [{ gate, cost }];
  });
  if (!costs.every(({ gate, cost }) => takes(gate, cost))) return false;
  for (const { gate, cost } of costs) {
    gate.nodes -= 1;
    gate.pulls -= cost;
    gate.isUnused = false;
  }
  return true;
}

/** The registries whose gate keeps a pending node. */
export const closedFor = (entry: LedgerEntry, desired: DesiredImages | undefined, gates: Gates): readonly string[] =>
  [...costOf(entry, desired)].flatMap(([host, cost]) => {
    const gate = gates.get(host);
    return gate === undefined || takes(gate, cost) ? [] : [host];
  });

/** Whether registries keep a node from starting now. */
export const isKept = (entry: LedgerEntry, desired: DesiredImages | undefined, gates: Gates): boolean =>
  closedFor(entry, desired, gates).length > 0;
