import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Toleration } from '#model/cache/spec-fields.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { PullRules } from './node.ts';

/** On which nodes a cache pulls: by its spec, else by the operator's settings. */
export function pullRules({ spec }: ImageCache, settings: Settings): PullRules {
  const unschedulable = spec.unschedulable ?? settings.unschedulable;
  const { tolerations, warmGate } = spec;
  if (tolerations === undefined) return { tolerations, unschedulable };
  const own: readonly Toleration[] = [
    ...(warmGate === undefined ? [] : [{ key: warmGate.taintKey, operator: 'Exists' }]),
    ...(unschedulable === 'Pull' ? [cordon] : []),
  ];
  return { tolerations: [...tolerations, ...own], unschedulable };
}

/** Tolerates the taint of cordoned nodes, as Pods of a DaemonSet do. */
const cordon: Toleration = { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' };
