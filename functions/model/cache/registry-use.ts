/** What a cache has used of one registry, and what the registry has answered. */
export type RegistryUse = {
  /** Images whose manifests nodes were told to get since `pullsUntil` was last in the past; only counted with a budget. */
  readonly pulls: number;
  /** When they no longer count, in epoch milliseconds: an hour after the last of them. */
  readonly pullsUntil: number | undefined;
  /** Until when nodes leave the registry alone because it has throttled one of them; kept until one has pulled since. */
  readonly restsUntil: number | undefined;
  /** How long that rest is, in seconds. */
  readonly restSeconds: number;
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
  waitsUntil: undefined,
};

/** What other caches have used of one registry. */
export type UseBeside = {
  /** Pulls that still count, by namespace. */
  readonly pulls: ReadonlyMap<string, number>;
  /** When the last of them no longer counts. */
  readonly pullsUntil: number | undefined;
  readonly restsUntil: number | undefined;
};

/** What an operator allows of one registry. */
export type RegistryBudget = { readonly pullsPerHour: number };
