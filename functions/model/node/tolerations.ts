import type { Spec, Toleration } from '#model/cache/image-cache.ts';

/** What a cache's pull Pods tolerate; undefined is everything. Its own startup taint always is: it goes when they have run. */
export function podTolerations({ tolerations, warmGate }: Spec): readonly Toleration[] | undefined {
  if (tolerations === undefined || warmGate === undefined) return tolerations;
  return [...tolerations, { key: warmGate.taintKey, operator: 'Exists' }];
}
