/** What a cache has used of one registry, and what the registry has answered. */
export type RegistryUse = {
  /** How many manifests nodes have started to pull since `pullsUntil` last expired; only counted with a budget. */
  readonly pulls: number;
  /** When they no longer count, in epoch milliseconds: an hour after the last of them. */
  readonly pullsUntil: number | undefined;
  /** Until when nodes leave the registry alone because it has throttled one of them; kept until one has pulled since. */
  readonly restsUntil: number | undefined;
  /** How long that rest is, in seconds. */
  readonly restSeconds: number;
  /** The rest does not apply to other namespaces: the node was throttled with credentials that only this one has. */
  readonly restsAlone: boolean;
  /** The rest, or `pullsLeft`, follows from an answer to the function, and no node has started or was throttled since. */
  readonly restsByAnswer: boolean;
  /** How many manifests nodes may still pull within the limit that the registry last reported; undefined if it is not known. */
  readonly pullsLeft: number | undefined;
  /** When `pullsLeft` expires. */
  readonly pullsLeftUntil: number | undefined;
  /** Until when pending nodes wait for the registry; undefined if none does. */
  readonly waitsUntil: number | undefined;
};

/** By registry, as references name it. */
export type RegistryUses = Readonly<Record<string, RegistryUse>>;

export const noUse: RegistryUse = {
  pulls: 0,
  pullsUntil: undefined,
  restsUntil: undefined,
  restSeconds: 0,
  restsAlone: false,
  restsByAnswer: false,
  pullsLeft: undefined,
  pullsLeftUntil: undefined,
  waitsUntil: undefined,
};

/** The latest rest of one registry that other caches know of. */
export type OtherRest = Pick<RegistryUse, 'restSeconds' | 'restsAlone'> & { readonly restsUntil: number };

/** What other caches have used of one registry. */
export type OtherRegistryUse = {
  /** Pulls that still count, by namespace; 0 for one whose nodes wait. */
  readonly pulls: ReadonlyMap<string, number>;
  /** When the last of them no longer counts. */
  readonly pullsUntil: number | undefined;
  readonly rest: OtherRest | undefined;
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
  };
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

/** Rounds up to whole seconds, as the status stores them, so that no wait ends too early. */
export const wholeSeconds = (time: number): number => Math.ceil(time / 1000) * 1000;
