import type { Toleration } from '#model/cache/spec-fields.ts';
import type { PodSpec, SelectorTerm } from './pod-spec.ts';

/** What limits the nodes of a Pod, as far as Pod and nodes show it. */
export type PodPlacement = {
  /** The node that the Pod is bound to; '' if the scheduler chooses. */
  readonly nodeName: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Terms of the required node affinity, one of which must match; undefined: no affinity. */
  readonly affinity: readonly SelectorTerm[] | undefined;
  readonly tolerations: readonly Toleration[];
  /** `spec.os.name`; '' if it is not set. */
  readonly operatingSystem: string;
};

export function podPlacement(spec: PodSpec, kind: string): PodPlacement {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return {
    nodeName: spec.nodeName,
    nodeSelector: spec.nodeSelector ?? {},
    affinity: required?.nodeSelectorTerms,
    tolerations: kind === 'DaemonSet' ? [...spec.tolerations, ...daemonTolerations] : spec.tolerations,
    operatingSystem: spec.os?.name ?? '',
  };
}

/** The DaemonSet controller adds them, beside tolerations of nodes that are not ready, which start nothing. */
const daemonTolerations: readonly Toleration[] = [
  'disk-pressure',
  'memory-pressure',
  'pid-pressure',
  'unschedulable',
].map((name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect: 'NoSchedule' }));
