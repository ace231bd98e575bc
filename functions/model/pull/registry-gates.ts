import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { isUnsettled, type LedgerEntry, waitsForRegistry } from '#model/cache/ledger.ts';
import {
  type RegistryBudget,
  type RegistryUse,
  type RegistryUses,
  type RestBeside,
  longestUse,
  noUse,
  possibleUse,
} from '#model/cache/registry-use.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import type { World } from '#model/world.ts';

/*
 * Registries that throttle, or have a budget, are gates through which nodes start. What is used is in the status of each
 * cache, and what others have used is read from theirs.
 */

/** The length of a first rest for which the registry names none, and the bounds of all, in milliseconds. */
const restBounds = { first: 300_000, least: 60_000, most: longestUse } as const;

/** Nodes that try a registry after it has rested, until one of them has pulled from it. */
const nodesAfterRest = 1;

/** How much of a budget one namespace may use while no other has used any: the rest is left for one that comes later. */
const largestShare = 0.8;

/** What a registry takes now. */
export type Gate = {
  /** How many more nodes may pull from it, and how many images. */
  nodes: number;
  pulls: number;
  /** The most that the namespace may use; a node that needs more begins if it has used nothing. */
  readonly share: number;
  isUnused: boolean;
  /** Until when the others wait. */
  readonly until: number;
};

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
  const { settings, registriesBeside } = world;
  const { registries } = cache.status;
  const limited = [...Object.keys(settings.registryBudgets), ...Object.keys(registries), ...registriesBeside.keys()];
  const gates = [...new Set(limited)].map((host) => [host, gateOf(host, world, { cache, desired })] as const);
  return new Map(gates.flatMap(([host, gate]) => (gate === undefined ? [] : [[host, gate]])));
}

type Started = { readonly cache: ImageCache; readonly desired: DesiredByHash };

function gateOf(host: string, world: World, { cache, desired }: Started): Gate | undefined {
  const { now, registriesBeside } = world;
  const own = ownEntry(cache.status.registries, host) ?? noUse;
  const restsUntil = Math.max(own.restsUntil ?? 0, registriesBeside.get(host)?.rest?.restsUntil ?? 0);
  if (restsUntil > now) return { ...unlimited, nodes: 0, until: restsUntil };
  const budget = budgetLeft(host, world, cache);
  if (own.restsUntil === undefined) return budget;
  const running = Object.values(cache.status.nodes).filter(
    (entry) => entry.state === 'Pulling' && (costOf(entry, desired.get(entry.desiredHash)).get(host) ?? 0) > 0,
  );
  return { ...(budget ?? unlimited), nodes: nodesAfterRest - running.length, until: untilTried(own, now) };
}

const unlimited: Gate = { nodes: Infinity, pulls: Infinity, share: Infinity, isUnused: true, until: 0 };

/** When the result of the node that tries it may be there: said once a minute, so that not every decision is a write. */
function untilTried({ waitsUntil = 0 }: RegistryUse, now: number): number {
  return waitsUntil > now && waitsUntil <= now + restBounds.least ? waitsUntil : now + restBounds.least;
}

const shareAlone = (limit: number): number => Math.max(1, Math.floor(limit * largestShare));

/** How many hours so many pulls of one namespace take at least, if no other has used any of the budget. */
export const hoursAtBudget = (pulls: number, { pullsPerHour }: RegistryBudget): number =>
  Math.max(0, Math.ceil(pulls / shareAlone(pullsPerHour)) - 1);

function budgetLeft(host: string, { settings, registriesBeside, now }: World, cache: ImageCache): Gate | undefined {
  const limit = ownEntry(settings.registryBudgets, host)?.pullsPerHour;
  if (limit === undefined) return undefined;
  const own = ownEntry(cache.status.registries, host) ?? noUse;
  const ownPulls = (own.pullsUntil ?? 0) > now ? own.pulls : 0;
  const beside = registriesBeside.get(host);
  const namespaces = new Map(beside?.pulls);
  namespaces.set(cache.namespace, (namespaces.get(cache.namespace) ?? 0) + ownPulls);
  const used = [...namespaces.values()].reduce((sum, pulls) => sum + pulls, 0);
  const users = namespaces.size;
  const share = users > 1 ? Math.max(1, Math.floor(limit / users)) : shareAlone(limit);
  const usedByOwn = namespaces.get(cache.namespace) ?? 0;
  const pulls = Math.min(limit - used, share - usedByOwn);
  const until = Math.max(own.pullsUntil ?? 0, beside?.pullsUntil ?? 0);
  return { nodes: Infinity, pulls, share, isUnused: usedByOwn === 0, until };
}

/** How many manifests a node gets from each registry in its next attempt. */
function costOf({ pendingImages }: LedgerEntry, desired: DesiredImages | undefined): ReadonlyMap<string, number> {
  const images = desired?.images ?? [];
  const pending = pendingImages === undefined ? images : pendingImages.flatMap((index) => images[index] ?? []);
  const hosts = Map.groupBy(pending, (image) => registryOf(image));
  return new Map([...hosts].map(([host, each]) => [host, each.length]));
}

/** A node that needs more than its namespace ever has begins when that has used nothing: others may never stop. */
const takes = ({ nodes, pulls, share, isUnused }: Gate, cost: number): boolean =>
  nodes > 0 && (pulls >= cost || (isUnused && cost > share && pulls > 0));

/** Whether a node may start within what registries take, from which it is then taken. */
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
const closedFor = (entry: LedgerEntry, desired: DesiredImages | undefined, gates: Gates): readonly string[] =>
  [...costOf(entry, desired)].flatMap(([host, cost]) => {
    const gate = gates.get(host);
    return gate === undefined || takes(gate, cost) ? [] : [host];
  });

/** Whether registries keep a node from starting now. */
export const isKept = (entry: LedgerEntry, desired: DesiredImages | undefined, gates: Gates): boolean =>
  closedFor(entry, desired, gates).length > 0;

/** The uses after these nodes have started, and until when others wait. */
export function registriesAfter(
  { settings, registriesBeside, now }: World,
  next: ImageCache,
  {
    started,
    gates,
    desired,
  }: { readonly started: readonly LedgerEntry[]; readonly gates: Gates; readonly desired: DesiredByHash },
): RegistryUses {
  const uses = new Map(Object.entries(next.status.registries));
  for (const [host, use] of uses) uses.set(host, { ...use, waitsUntil: undefined });
  for (const entry of started)
    for (const [host, cost] of costOf(entry, desired.get(entry.desiredHash))) {
      if (ownEntry(settings.registryBudgets, host) === undefined) continue;
      const use = uses.get(host) ?? noUse;
      const counted = (use.pullsUntil ?? 0) > now ? use.pulls : 0;
      uses.set(host, { ...use, pulls: counted + cost, pullsUntil: wholeSeconds(now + longestUse) });
    }
  const untilOf = (host: string): number => {
    const { nodes, until } = gates.get(host) ?? unlimited;
    // What has just started counts for longer than what a gate knew of.
    return nodes > 0 ? Math.max(until, uses.get(host)?.pullsUntil ?? 0) : until;
  };
  for (const entry of Object.values(next.status.nodes).filter(waitsForRegistry))
    for (const host of closedFor(entry, desired.get(entry.desiredHash), gates))
      uses.set(host, {
        ...withRest(uses.get(host) ?? noUse, registriesBeside.get(host)?.rest, now),
        waitsUntil: wholeSeconds(untilOf(host)),
      });
  const needed = hostsNeeded(
    next,
    desired,
    [...uses.values()].some(({ restsUntil = Infinity }) => restsUntil <= now),
  );
  const left = [...uses].filter(([host, use]) => !isOver(use, needed.has(host), now));
  return Object.fromEntries(left.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Nodes that waited for a rest which others found try the registry one by one, too. */
function withRest(use: RegistryUse, rest: RestBeside | undefined, now: number): RegistryUse {
  if (rest === undefined || rest.restsUntil <= now || rest.restsUntil <= (use.restsUntil ?? 0)) return use;
  return { ...use, ...rest, restSeconds: Math.max(rest.restSeconds, use.restSeconds) };
}

/** The registries that nodes still pull from or wait for, if that matters. */
function hostsNeeded({ status }: ImageCache, desired: DesiredByHash, matters: boolean): ReadonlySet<string> {
  const entries = matters ? Object.values(status.nodes).filter(isUnsettled) : [];
  return new Set(entries.flatMap((entry) => [...costOf(entry, desired.get(entry.desiredHash)).keys()]));
}

/** A rest lasts until a node has pulled, or none needs to. */
const isOver = (use: RegistryUse, isNeeded: boolean, now: number): boolean => {
  const { pullsUntil = 0, restsUntil = 0, waitsUntil } = use;
  return (
    pullsUntil <= now && restsUntil <= now && !(use.restsUntil !== undefined && isNeeded) && waitsUntil === undefined
  );
};

/** What nodes found at a registry: it throttles, for so many milliseconds if it said so, or it gave an image. */
export type RegistryFinding = {
  readonly host: string;
  /** `isAlone`: that says nothing to other namespaces. */
  readonly throttled?: { readonly ms: number | undefined; readonly isAlone: boolean };
};

/** Begins the rests that registries asked for, and ends those after which a node has pulled. */
export function withFindings(cache: ImageCache, findings: readonly RegistryFinding[], now: number): ImageCache {
  if (findings.length === 0) return cache;
  let { registries } = cache.status;
  for (const { host, throttled } of findings) {
    const use = ownEntry(registries, host) ?? noUse;
    if (throttled !== undefined) registries = { ...registries, [host]: rested(use, throttled, now) };
    else if (use.restsUntil !== undefined && use.restsUntil <= now)
      registries = { ...registries, [host]: { ...use, restsUntil: undefined, restSeconds: 0, restsAlone: false } };
  }
  return registries === cache.status.registries ? cache : withStatus(cache, { registries });
}

/** One rest for all nodes that are throttled at the same time; each further one is twice as long. */
function rested(use: RegistryUse, { ms: asked, isAlone }: Throttled, now: number): RegistryUse {
  if ((use.restsUntil ?? 0) > now) return use.restsAlone && !isAlone ? { ...use, restsAlone: false } : use;
  const usual = use.restsUntil === undefined ? restBounds.first : use.restSeconds * 2000;
  const ms = Math.min(restBounds.most, Math.max(restBounds.least, asked ?? usual));
  return { ...use, restsUntil: wholeSeconds(now + ms), restSeconds: Math.ceil(ms / 1000), restsAlone: isAlone };
}

type Throttled = NonNullable<RegistryFinding['throttled']>;

/** The status has whole seconds; a wait never ends too early by that. */
const wholeSeconds = (time: number): number => Math.ceil(time / 1000) * 1000;
