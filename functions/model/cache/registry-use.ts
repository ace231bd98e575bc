import { ownEntry } from '#model/text/untrusted.ts';
import { clockTime } from '#model/text/times.ts';
import { type Decoded, count, flag, number, optional, record, time } from './codec.ts';
import { type ImageCache, type Status, isPurged, withStatus } from './image-cache.ts';
import type { CacheEvent } from './api.ts';
import { waitsForRegistry } from './ledger.ts';

/** What a cache has used of one registry, and what the registry has answered. */
export const registryUse = record({
  /** How many manifests nodes have started to pull since `pullsUntil` last expired; only counted with a budget. */
  pulls: count,
  /** When they no longer count: an hour after the last of them. */
  pullsUntil: time,
  /** Until when nodes leave the registry alone because it has throttled one of them; kept until one has pulled since. */
  restsUntil: time,
  /** How long that rest is, in seconds. */
  restSeconds: count,
  /** The rest does not apply to other namespaces: the node was throttled with credentials that only this one has. */
  restsAlone: flag,
  /** The rest, or `pullsLeft`, follows from an answer to the function, and no node has started or was throttled since. */
  restsByAnswer: flag,
  /** How many manifests nodes may still pull within the limit that the registry last reported; undefined if it is not known. */
  pullsLeft: optional(number),
  /** When `pullsLeft` expires. */
  pullsLeftUntil: time,
  /** Until when pending nodes wait for the registry; undefined if none does. */
  waitsUntil: time,
  /**
   * The registry has delivered nothing as far as is known: until when the node that pulls from it may do so, before the others;
   * in the past if none does.
   */
  triedUntil: time,
});

export type RegistryUse = Decoded<typeof registryUse>;

/** By registry, as references name it. */
export type RegistryUses = Readonly<Record<string, RegistryUse>>;

export const noUse: RegistryUse = registryUse.schema.parse({});

/** The latest rest of one registry that other caches know of. */
export type OtherRest = Pick<RegistryUse, 'restSeconds' | 'restsAlone'> & { readonly restsUntil: number };

/** What other caches have used of one registry. */
export type OtherRegistryUse = {
  /** Pulls that still count, by namespace; 0 for one whose nodes wait. */
  readonly pulls: ReadonlyMap<string, number>;
  /** When the last of them no longer counts. */
  readonly pullsUntil: number | undefined;
  readonly rest: OtherRest | undefined;
  /** Until when a node of the same namespace may pull from it, although it has delivered nothing yet. */
  readonly triedUntil?: number | undefined;
};

const hour = 3_600_000;

/** The longest rest, and how long pulls count, in milliseconds. */
export const longestUse = hour;

/** By how much the clock of another writer may be ahead, in milliseconds. */
const clockSkew = 300_000;

/**
 * Drops times further ahead than any rest or count lasts. A wrong clock or a user wrote them, and nothing else would clear
 * them.
 */
export function possibleUse(use: RegistryUse, now: number): RegistryUse {
  const possible = (time: number | undefined): number | undefined =>
    time !== undefined && time <= now + longestUse + clockSkew ? time : undefined;
  return {
    ...use,
    pulls: Math.max(0, use.pulls),
    pullsUntil: possible(use.pullsUntil),
    restsUntil: possible(use.restsUntil),
    pullsLeftUntil: possible(use.pullsLeftUntil),
    waitsUntil: possible(use.waitsUntil),
    triedUntil: use.triedUntil === undefined ? undefined : Math.min(use.triedUntil, now + longestUse),
  };
}

/** A cache without the uses that no process can have recorded. */
export function withPossibleUses(cache: ImageCache, now: number): ImageCache {
  const uses = Object.entries(cache.status.registries);
  if (uses.length === 0) return cache;
  return withStatus(cache, {
    registries: Object.fromEntries(uses.map(([host, use]) => [host, possibleUse(use, now)])),
  });
}

/** What an operator allows of one registry. */
export type RegistryBudget = { readonly pullsPerHour: number };

/** What a registry reported about its limit when it was asked. */
export type RateLimit = {
  /** How many pulls are left; 0 if it throttles. */
  readonly left: number;
  /** In how many milliseconds the limit is reset; undefined if it is not reported. */
  readonly ms: number | undefined;
  /** Whether the request had a login, which the limit then applies to. */
  readonly hasLogin: boolean;
};

/** `3 nodes wait for docker.io until 12:05`, each registry once; '' if no node waits. */
export function registryText({ nodes, registries }: Pick<Status, 'nodes' | 'registries'>): string {
  const count = Object.values(nodes).filter(waitsForRegistry).length;
  const hosts = Object.entries(registries).flatMap(([host, { waitsUntil, restsUntil, triedUntil }]) => {
    if (waitsUntil === undefined) return [];
    const isTried = triedUntil !== undefined && restsUntil === undefined;
    return [isTried ? `${host}, from which one node pulls first` : `${host} until ${clockTime(waitsUntil)}`];
  });
  if (count === 0 || hosts.length === 0) return '';
  return `${count} node${count === 1 ? ' waits' : 's wait'} for ${hosts.slice(0, 3).join(', ')}`;
}

/** Events of a cache whose nodes begin to wait for a registry, and of one whose nodes go on: one each, however long it takes. */
export function registryEvents(before: ImageCache, next: ImageCache, now: number): readonly CacheEvent[] {
  if (isPurged(next)) return [];
  const [was, is] = [before.status.registries, next.status.registries];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((host): readonly CacheEvent[] => {
    const use = ownEntry(is, host) ?? noUse;
    if (mayMakeNodesWait(use) === mayMakeNodesWait(ownEntry(was, host) ?? noUse)) return [];
    const event = { type: 'Normal', key: `registry ${host} ${now}` } as const;
    if (!mayMakeNodesWait(use))
      return [{ ...event, reason: 'RegistryServes', message: `Nodes no longer wait for ${host}` }];
    const { restsUntil = 0, waitsUntil = restsUntil } = use;
    const isOnTrial = (ownEntry(is, host) ?? noUse).triedUntil !== undefined;
    const limits = isOnTrial ? 'a pull from it did not end in time' : 'it limits pulls';
    const why = restsUntil > now ? limits : 'its budget is used up';
    const message = `Nodes wait for ${host} until ${clockTime(waitsUntil)} UTC, as ${why}`;
    return [{ ...event, reason: 'RegistryRests', message }];
  });
}

/** A rest is over once a node has pulled, or none needs to. */
const mayMakeNodesWait = ({ restsUntil, waitsUntil, triedUntil }: RegistryUse): boolean =>
  restsUntil !== undefined || (waitsUntil !== undefined && triedUntil === undefined);
