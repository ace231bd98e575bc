import type { ImageCache } from '#model/cache/image-cache.ts';
import { isUnsettled, type LedgerEntry, waitsForRegistry } from '#model/cache/ledger.ts';
import { type RegistryUse, type RegistryUses, longestUse, noUse, wholeSeconds } from '#model/cache/registry-use.ts';
import type { DesiredByHash } from '#model/desired/desired-images.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { costOf } from './registry-cost.ts';
import { openGate } from './registry-gate.ts';
import { type Gates, closedFor } from './registry-gates.ts';
import { withRest, withoutPullsLeft } from './registry-rests.ts';

type Started = { readonly started: readonly LedgerEntry[]; readonly gates: Gates; readonly desired: DesiredByHash };

/** The uses after these nodes have started, and until when others wait. */
export function registriesAfter(world: World, next: ImageCache, { started, gates, desired }: Started): RegistryUses {
  const { otherRegistryUse, now } = world;
  const uses = new Map(Object.entries(next.status.registries));
  for (const [host, use] of uses) uses.set(host, { ...withoutOldLimit(use, now), waitsUntil: undefined });
  countStarted(world, uses, { started, desired });
  const untilOf = (host: string): number => {
    const { nodes, until } = gates.get(host) ?? openGate;
    // What has just started counts for longer than what a gate knew of.
    return nodes > 0 ? Math.max(until, uses.get(host)?.pullsUntil ?? 0) : until;
  };
  for (const entry of Object.values(next.status.nodes).filter(waitsForRegistry)) {
    const images = desired.get(entry.desiredHash);
    for (const host of closedFor(entry, images, gates)) {
      const rests = withRest(uses.get(host) ?? noUse, otherRegistryUse.get(host)?.rest, now);
      const use = withoutPullsLeft(rests, costOf(entry, images).get(host) ?? 0, now);
      uses.set(host, { ...use, waitsUntil: wholeSeconds(untilOf(host)) });
    }
  }
  const needed = hostsNeeded(
    next,
    desired,
    [...uses.values()].some((use) => mustBeNeeded(use, now)),
  );
  const left = [...uses].map(([host, use]) => [host, needed.has(host) ? use : withoutLimit(use)] as const);
  return Object.fromEntries(
    left.filter(([host, use]) => !isOver(use, needed.has(host), now)).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Counts what these nodes pull, against budgets and against what registries reported as left. */
function countStarted(
  { settings, now }: World,
  uses: Map<string, RegistryUse>,
  { started, desired }: Pick<Started, 'started' | 'desired'>,
): void {
  for (const entry of started)
    for (const [host, cost] of costOf(entry, desired.get(entry.desiredHash))) {
      const use = uses.get(host) ?? noUse;
      const { pullsLeft } = use;
      const counted =
        pullsLeft === undefined ? use : { ...use, pullsLeft: Math.max(0, pullsLeft - cost), restsByAnswer: false };
      const pulls = ((use.pullsUntil ?? 0) > now ? use.pulls : 0) + cost;
      const isBudgeted = ownEntry(settings.registryBudgets, host) !== undefined;
      if (isBudgeted) uses.set(host, { ...counted, pulls, pullsUntil: wholeSeconds(now + longestUse) });
      else if (counted !== use) uses.set(host, counted);
    }
}

const withoutLimit = (use: RegistryUse): RegistryUse =>
  use.pullsLeft === undefined ? use : { ...use, pullsLeft: undefined, pullsLeftUntil: undefined };

const withoutOldLimit = (use: RegistryUse, now: number): RegistryUse =>
  (use.pullsLeftUntil ?? 0) > now ? use : withoutLimit(use);

/** The registries that nodes still pull from or wait for, if that matters. */
function hostsNeeded({ status }: ImageCache, desired: DesiredByHash, matters: boolean): ReadonlySet<string> {
  const entries = matters ? Object.values(status.nodes).filter(isUnsettled) : [];
  return new Set(entries.flatMap((entry) => [...costOf(entry, desired.get(entry.desiredHash)).keys()]));
}

/** A rest that is over, and what is left, are kept as long as nodes need the registry. */
const mustBeNeeded = ({ restsUntil = Infinity, pullsLeft }: RegistryUse, now: number): boolean =>
  restsUntil <= now || pullsLeft !== undefined;

/** A rest lasts until a node has pulled, or none needs to. */
const isOver = (use: RegistryUse, isNeeded: boolean, now: number): boolean => {
  const { pullsUntil = 0, restsUntil = 0, pullsLeft, waitsUntil } = use;
  return (
    pullsUntil <= now &&
    restsUntil <= now &&
    pullsLeft === undefined &&
    !(use.restsUntil !== undefined && isNeeded) &&
    waitsUntil === undefined
  );
};
