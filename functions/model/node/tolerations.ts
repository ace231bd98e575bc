import type { Spec, Toleration } from '#model/cache/image-cache.ts';

/**
 * Tolerations of a cache's pull Pods; undefined: every taint. They always tolerate its startup taint, which is removed
 * after they have run.
 */
export function podTolerations({ tolerations, warmGate }: Spec): readonly Toleration[] | undefined {
  if (tolerations === undefined || warmGate === undefined) return tolerations;
  return [...tolerations, { key: warmGate.taintKey, operator: 'Exists' }];
}
