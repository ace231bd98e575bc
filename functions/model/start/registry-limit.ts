import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import {
  isSecondAttempt,
  isUnsettled,
  type Ledger,
  type LedgerEntry,
  registryRests,
  waitsForRegistry,
} from '#model/cache/ledger.ts';
import { isFailed, pendingOf, withPutOff } from '#model/cache/image-states.ts';
import {
  type RegistryBudget,
  type RegistryUse,
  type RegistryUses,
  type OtherRegistryUse,
  longestUse,
  noUse,
} from '#model/cache/registry-use.ts';
import { type DesiredByHash, pendingImages } from '#model/desired/desired-images.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { roundUpToSecond } from '#model/text/times.ts';
import type { World } from '#model/world.ts';
import type { Candidate, ReasonToWait } from './reason-to-wait.ts';
import { hostsOf, placesOnTrial, trialsAt, withTrial } from './registry-trial.ts';
import { countByRegistry, shortestRest, withOtherRest, withRestUntilReset } from './registry-answers.ts';

/**
 * Nodes wait for registries that throttle, that have no pulls left, whose budget is used up, or that another node tries
 * first. What a cache has used is in its status, and what others have used is read from theirs.
 */
export const registryLimit: ReasonToWait = {
  // The deadline of a second attempt begins anew with it.
  records: { reason: registryRests, retryDeadline: undefined },
  prepare: (world, cache, desired) => {
    const limits = registryLimits(world, cache, desired);
    return {
      waits: ({ entry, pending }) => limits.size > 0 && closedRegistries(pending, limits, entry).length > 0,
      started: ({ entry, pending }) => {
        if (limits.size > 0) deduct(pending, limits, entry);
      },
      after: (next, started) => {
        const uses = new Map(Object.entries(next.status.registries));
        for (const [host, use] of uses) uses.set(host, { ...withoutOldLimit(use, world.now), waitsUntil: undefined });
        const parts = started.map((candidate) => partOf(candidate, limits));
        for (const { pulled } of parts) countPulls(pulled, uses, world);
        const onTrial = [...uses].filter(([, { triedUntil }]) => triedUntil !== undefined);
        const trials = trialsAt(new Set(onTrial.map(([host]) => host)), next, desired);
        for (const [host, use] of onTrial) uses.set(host, withTrial(use, trials.get(host), next, world));
        recordWaits(next, desired, limits, uses, world);
        const nodes = { ...next.status.nodes, ...withParts(next, parts, desired) };
        return withStatus(next, { nodes, registries: usesToKeep(next, desired, uses, world.now) });
      },
    };
  },
};

/** How much nodes may still pull from a registry in this decision. */
type Limit = {
  nodes: number;
  /** Whether a node is one of those that may pull already. */
  readonly isCounted: (entry: LedgerEntry) => boolean;
  /** Manifests. */
  pulls: number;
  /** The most manifests that a node may ever get at once: it puts off what it needs beyond. */
  readonly most: number;
  /** Until when the others wait. */
  readonly until: number;
};

const noLimit: Limit = {
  nodes: Infinity,
  isCounted: () => false,
  pulls: Infinity,
  most: Infinity,
  until: 0,
};

const hasBegun = ({ attempt }: LedgerEntry): boolean => attempt > 0;

/** Nodes that try a registry after it has rested, until one of them has pulled from it. */
const nodesAfterRest = 1;

/** By registry; those that are missing have no limit. */
function registryLimits(
  { settings, otherRegistryUse, now }: World,
  cache: ImageCache,
  desired: DesiredByHash,
): ReadonlyMap<string, Limit> {
  const { namespace, status } = cache;
  const tried = Object.entries(status.registries).filter(([, use]) => (use.triedUntil ?? use.restsUntil) !== undefined);
  const trials = trialsAt(new Set(tried.map(([host]) => host)), cache, desired);
  const { registries } = status;
  const limitOf = (host: string): Limit => {
    const own = ownEntry(registries, host) ?? noUse;
    const others = otherRegistryUse.get(host);
    const restsUntil = Math.max(own.restsUntil ?? 0, others?.rest?.restsUntil ?? 0);
    // A pull that did not end keeps no node from pulling what it waited for behind it.
    const isCounted =
      (own.restsUntil ?? 0) === restsUntil && own.triedUntil !== undefined ? isSecondAttempt : () => false;
    if (restsUntil > now) return { ...noLimit, nodes: 0, isCounted, until: restsUntil };
    const budget = ownEntry(settings.registryBudgets, host);
    const budgeted = budget === undefined ? noLimit : budgetLimit(budget, own, others, namespace, now);
    const limit = withPullsLeft(budgeted, own, now);
    if (own.restsUntil === undefined && own.triedUntil === undefined) return limit;
    const isTriedByOthers = own.triedUntil !== undefined && (others?.triedUntil ?? 0) > now;
    if (isTriedByOthers) return { ...limit, nodes: 0, until: untilTried(own, now) };
    const trial = trials.get(host);
    const nodes = own.triedUntil === undefined ? nodesAfterRest - (trial?.trying ?? 0) : placesOnTrial(trial);
    return {
      ...limit,
      nodes,
      ...(own.triedUntil !== undefined && { isCounted: hasBegun }),
      until: untilTried(own, now),
    };
  };
  const hosts = [...Object.keys(settings.registryBudgets), ...Object.keys(registries), ...otherRegistryUse.keys()];
  return new Map([...new Set(hosts)].map((host) => [host, limitOf(host)]));
}

/** When to expect the result of the node that tries it; changes once a minute at most, to avoid a status write per decision. */
function untilTried({ waitsUntil = 0 }: RegistryUse, now: number): number {
  return waitsUntil > now && waitsUntil <= now + shortestRest ? waitsUntil : now + shortestRest;
}

/** How much of a budget one namespace may use while no other has used any: the rest is left for one that comes later. */
const largestShare = 0.8;

const shareAlone = (limit: number): number => Math.max(1, Math.floor(limit * largestShare));

/** How many hours so many pulls of one namespace take at least, if no other has used any of the budget. */
export const hoursAtBudget = (pulls: number, { pullsPerHour }: RegistryBudget): number =>
  Math.max(0, Math.ceil(pulls / shareAlone(pullsPerHour)) - 1);

/** What a namespace may still use of the budget of a registry. */
function budgetLimit(
  { pullsPerHour }: RegistryBudget,
  own: RegistryUse,
  others: OtherRegistryUse | undefined,
  namespace: string,
  now: number,
): Limit {
  const used = new Map(others?.pulls);
  const usedByNamespace = (used.get(namespace) ?? 0) + pullsCounted(own, now);
  used.set(namespace, usedByNamespace);
  const left = pullsPerHour - [...used.values()].reduce((sum, pulls) => sum + pulls, 0);
  const share = used.size > 1 ? Math.max(1, Math.floor(pullsPerHour / used.size)) : shareAlone(pullsPerHour);
  return {
    ...noLimit,
    pulls: Math.min(left, share - usedByNamespace),
    most: share,
    until: Math.max(own.pullsUntil ?? 0, others?.pullsUntil ?? 0),
  };
}

/** The pulls that still count against the budget. */
const pullsCounted = ({ pulls, pullsUntil = 0 }: RegistryUse, now: number): number => (pullsUntil > now ? pulls : 0);

/** What the registry reported as left is never exceeded. */
function withPullsLeft(limit: Limit, { pullsLeft = Infinity, pullsLeftUntil = 0 }: RegistryUse, now: number): Limit {
  const isTighter = pullsLeftUntil > now && pullsLeft < limit.pulls;
  return isTighter ? { ...limit, pulls: pullsLeft, until: pullsLeftUntil } : limit;
}

const admits = ({ nodes, isCounted, pulls, most }: Limit, needed: number, entry: LedgerEntry): boolean =>
  (nodes > 0 || isCounted(entry)) && pulls >= Math.min(needed, most);

/** The registries whose limit makes a node with these images wait. */
const closedRegistries = (
  images: readonly string[],
  limits: ReadonlyMap<string, Limit>,
  entry: LedgerEntry,
): readonly string[] =>
  [...countByRegistry(images)].flatMap(([host, needed]) =>
    admits(limits.get(host) ?? noLimit, needed, entry) ? [] : [host],
  );

function deduct(images: readonly string[], limits: ReadonlyMap<string, Limit>, entry: LedgerEntry): void {
  for (const [host, needed] of countByRegistry(images)) {
    const limit = limits.get(host);
    if (limit === undefined) continue;
    if (!limit.isCounted(entry)) limit.nodes -= 1;
    limit.pulls -= Math.min(needed, limit.most);
  }
}

/** What a started node pulls, and which of its images it puts off. Those that failed before are not: they have waited longest. */
function partOf({ name, entry, images, pending }: Candidate, limits: ReadonlyMap<string, Limit>): Part {
  const most = [...countByRegistry(pending)].flatMap(([host, needed]) => {
    const limit = limits.get(host)?.most ?? Infinity;
    return needed > limit ? [[host, limit] as const] : [];
  });
  if (most.length === 0) return { name, pulled: pending, putOff: [] };
  const indexes = pendingOf({ ...entry, noop: undefined }, images.length);
  const inOrder = indexes.toSorted((a, b) => Number(isFailed(entry, b)) - Number(isFailed(entry, a)));
  const putOff = most.flatMap(([host, limit]) =>
    inOrder.filter((index) => registryOf(images[index] ?? '') === host).slice(limit),
  );
  const rest = new Set(putOff.map((index) => images[index]));
  return { name, pulled: pending.filter((image) => !rest.has(image)), putOff };
}

type Part = { readonly name: string; readonly pulled: readonly string[]; readonly putOff: readonly number[] };

/** The entries of the nodes that put off images. */
const withParts = ({ status }: ImageCache, parts: readonly Part[], desired: DesiredByHash): Ledger =>
  Object.fromEntries(
    parts.flatMap(({ name, putOff }) => {
      const entry = ownEntry(status.nodes, name);
      if (entry === undefined || putOff.length === 0) return [];
      return [[name, withPutOff(entry, putOff, desired.get(entry.desiredHash)?.images.length ?? 0)] as const];
    }),
  );

/** Counts what a started node pulls, against budgets and against what registries reported as left. */
function countPulls(images: readonly string[], uses: Map<string, RegistryUse>, { settings, now }: World): void {
  for (const [host, needed] of countByRegistry(images)) {
    const use = uses.get(host) ?? noUse;
    const { pullsLeft } = use;
    const counted =
      pullsLeft === undefined ? use : { ...use, pullsLeft: Math.max(0, pullsLeft - needed), restsByAnswer: false };
    if (ownEntry(settings.registryBudgets, host) !== undefined)
      uses.set(host, {
        ...counted,
        pulls: pullsCounted(use, now) + needed,
        pullsUntil: roundUpToSecond(now + longestUse),
      });
    else if (counted !== use) uses.set(host, counted);
  }
}

/** Records until when nodes wait for which registries. */
function recordWaits(
  { status }: ImageCache,
  desired: DesiredByHash,
  limits: ReadonlyMap<string, Limit>,
  uses: Map<string, RegistryUse>,
  { otherRegistryUse, now }: World,
): void {
  for (const entry of Object.values(status.nodes).filter(waitsForRegistry)) {
    const images = pendingImages(entry, desired.get(entry.desiredHash));
    const needed = countByRegistry(images);
    for (const host of closedRegistries(images, limits, entry)) {
      const { nodes, until } = limits.get(host) ?? noLimit;
      // What has just started counts for longer than what the limit was derived from.
      const waitsUntil = nodes > 0 ? Math.max(until, uses.get(host)?.pullsUntil ?? 0) : until;
      const rested = withOtherRest(uses.get(host) ?? noUse, otherRegistryUse.get(host)?.rest, now);
      const use = withRestUntilReset(rested, needed.get(host) ?? 0, now);
      uses.set(host, { ...use, waitsUntil: roundUpToSecond(waitsUntil) });
    }
  }
}

/**
 * A rest lasts until a node has pulled, or none needs to; a trial until the registry has delivered, or no node must have an
 * image of it. What is left is known for as long as nodes need it.
 */
function usesToKeep(
  { status }: ImageCache,
  desired: DesiredByHash,
  uses: ReadonlyMap<string, RegistryUse>,
  now: number,
): RegistryUses {
  const dependsOnNeed = [...uses.values()].some(
    ({ restsUntil = Infinity, pullsLeft }) => restsUntil <= now || pullsLeft !== undefined,
  );
  const unsettled = dependsOnNeed ? Object.values(status.nodes).filter(isUnsettled) : [];
  const needed = new Set(
    unsettled.flatMap((entry) => [...countByRegistry(pendingImages(entry, desired.get(entry.desiredHash))).keys()]),
  );
  const known = new Set([...uses.values()].some((use) => use.triedUntil !== undefined) ? hostsOf(desired) : []);
  const isInUse = (host: string, use: RegistryUse): boolean => {
    const { pullsUntil = 0, restsUntil, pullsLeft, waitsUntil, triedUntil } = use;
    if (triedUntil !== undefined && known.has(host)) return true;
    if (pullsUntil > now || pullsLeft !== undefined || waitsUntil !== undefined) return true;
    return restsUntil !== undefined && (restsUntil > now || needed.has(host));
  };
  return Object.fromEntries(
    [...uses]
      .map(([host, use]) => [host, needed.has(host) ? use : withoutLimit(use)] as const)
      .filter(([host, use]) => isInUse(host, use))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const withoutLimit = (use: RegistryUse): RegistryUse =>
  use.pullsLeft === undefined ? use : { ...use, pullsLeft: undefined, pullsLeftUntil: undefined };

const withoutOldLimit = (use: RegistryUse, now: number): RegistryUse =>
  (use.pullsLeftUntil ?? 0) > now ? use : withoutLimit(use);
