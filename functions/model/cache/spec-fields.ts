import type { V1Toleration } from '@kubernetes/client-node';
import type { Serialized } from '#model/job/job-pod.ts';

/** Fields of the spec that settings, nodes or workloads have as well. */

export type PullPolicy = 'IfNotPresent' | 'Always';
export type RetentionPolicy = 'Delete' | 'Retain';
export type UnschedulablePolicy = 'Pull' | 'Skip';

/** Nodes that need the same images start in waves. Numbers of nodes, or percentages of the nodes that need the same. */
export type Rollout = {
  /** Nodes of the first wave. */
  readonly canaryNodes: number | string;
  /** How many nodes may pull for each one that has pulled; at least 1. */
  readonly growth: number;
  /** Label of nodes; each of its values grows from a node of its own. '' does not divide them. */
  readonly topologyKey: string;
  /** More failed nodes than this stop the rollout. */
  readonly maxFailedNodes: number | string;
  /** Least time between the end of a wave and the next one; 0: nodes start as soon as others have pulled. */
  readonly pauseSeconds: number;
};

export type NodeMatchExpression = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
};

export type Toleration = Serialized<V1Toleration>;
