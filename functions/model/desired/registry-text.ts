import type { Status } from '#model/cache/image-cache.ts';
import { waitsForRegistry } from '#model/cache/ledger.ts';

/** `3 nodes wait for docker.io until 12:05`, each registry once; '' if no node waits. */
export function registryText({ nodes, registries }: Pick<Status, 'nodes' | 'registries'>): string {
  const count = Object.values(nodes).filter(waitsForRegistry).length;
  const hosts = Object.entries(registries).flatMap(([host, { waitsUntil }]) =>
    waitsUntil === undefined ? [] : [`${host} until ${clockTime(waitsUntil)}`],
  );
  if (count === 0 || hosts.length === 0) return '';
  return `${count} node${count === 1 ? ' waits' : 's wait'} for ${hosts.slice(0, 3).join(', ')}`;
}

/** `12:05`, in UTC. */
export const clockTime = (time: number): string => new Date(time).toISOString().slice(11, 16);
