import type { ImageCache, Status } from './image-cache.ts';

/** The status of a cache whose Jobs the API server refuses, with its words; undefined if it says so already. */
export function refused(cache: ImageCache, message: string, now: number): Status | undefined {
  const told = `Jobs can not be made now, and are tried again: ${message.slice(0, 512)}`;
  const { conditions } = cache.status;
  if (conditions.some(({ type, message: last }) => type === 'Reconciling' && last === told)) return undefined;
  const others = conditions.filter(({ type }) => type !== 'Reconciling');
  const since = { observedGeneration: cache.generation, lastTransitionTime: now };
  return {
    ...cache.status,
    message: told,
    conditions: [...others, { type: 'Reconciling', status: 'True', reason: 'JobsRefused', message: told, ...since }],
  };
}
