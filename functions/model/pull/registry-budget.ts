import type { ImageCache } from '#model/cache/image-cache.ts';
import { type RegistryBudget, noUse } from '#model/cache/registry-use.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import type { Gate } from './registry-gate.ts';

/** How much of a budget one namespace may use while no other has used any: the rest is left for one that comes later. */
const largestShare = 0.8;

const shareAlone = (limit: number): number => Math.max(1, Math.floor(limit * largestShare));

/** How many hours so many pulls of one namespace take at least, if no other has used any of the budget. */
export const hoursAtBudget = (pulls: number, { pullsPerHour }: RegistryBudget): number =>
  Math.max(0, Math.ceil(pulls / shareAlone(pullsPerHour)) - 1);

/** What the namespace of the cache may still use of the budget of a registry; undefined without a budget. */
export function budgetLeft(
  host: string,
  { settings, otherRegistryUse, now }: World,
  cache: ImageCache,
): Gate | undefined {
  const limit = ownEntry(settings.registryBudgets, host)?.pullsPerHour;
  if (limit === undefined) return undefined;
  const own = ownEntry(cache.status.registries, host) ?? noUse;
  const ownPulls = (own.pullsUntil ?? 0) > now ? own.pulls : 0;
  const beside = otherRegistryUse.get(host);
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
