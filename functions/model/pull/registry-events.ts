import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import { type RegistryUse, noUse } from '#model/cache/registry-use.ts';
import { clockTime } from '#model/desired/registry-text.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** Events of a cache whose nodes begin to wait for a registry, and of one whose nodes go on: one each, however long it takes. */
export function registryEvents(before: ImageCache, next: ImageCache, now: number): readonly CacheEvent[] {
  if (isPurged(next)) return [];
  const [was, is] = [before.status.registries, next.status.registries];
  const hosts = new Set([...Object.keys(was), ...Object.keys(is)]);
  return [...hosts].flatMap((host): readonly CacheEvent[] => {
    const use = ownEntry(is, host) ?? noUse;
    const key = `registry ${host} ${now}`;
    if (isHolding(use) === isHolding(ownEntry(was, host) ?? noUse)) return [];
    if (!isHolding(use))
      return [{ type: 'Normal', reason: 'RegistryServes', message: `Nodes no longer wait for ${host}`, key }];
    const { waitsUntil, restsUntil = 0 } = use;
    const until = waitsUntil ?? restsUntil;
    const why = restsUntil > now ? 'it limits pulls' : 'its budget is used up';
    const message = `Nodes wait for ${host} until ${clockTime(until)} UTC, as ${why}`;
    return [{ type: 'Normal', reason: 'RegistryRests', message, key }];
  });
}

/** A rest is over once a node has pulled, or none needs to. */
const isHolding = ({ restsUntil, waitsUntil }: RegistryUse): boolean =>
  restsUntil !== undefined || waitsUntil !== undefined;
