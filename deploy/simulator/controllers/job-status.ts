import { type JsonObject, objectAt, withAt } from '../json.ts';
import type { KubeObject } from '../api/kube-object.ts';

export type JobEvent = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

/** A condition of a Job that is true since `time`. */
export const condition = (type: string, reason: string, message: string, time: string): JsonObject => ({
  type,
  status: 'True',
  lastProbeTime: time,
  lastTransitionTime: time,
  reason,
  message,
});

/** How many pods of a Job are what. */
export type Counts = {
  readonly succeeded: number;
  readonly failed: number;
  readonly active: number;
  readonly ready: number;
  readonly terminating: number;
};

/** The status of a Job with these counts and conditions; what is zero is left out, as the controller does. */
export const statusWith = (
  job: KubeObject,
  counts: Counts,
  conditions: readonly unknown[],
  start: string,
): JsonObject => {
  const known = objectAt(job, 'status');
  const positive = (count: number): number | undefined => (count > 0 ? count : undefined);
  const changes: readonly (readonly [string, unknown])[] = [
    ['active', positive(counts.active)],
    ['succeeded', positive(counts.succeeded)],
    ['failed', positive(counts.failed)],
    ['ready', counts.ready],
    ['terminating', counts.terminating],
    ['startTime', start],
    ['conditions', conditions.length === 0 ? undefined : conditions],
    ['uncountedTerminatedPods', {}],
  ];
  return changes.reduce<JsonObject>((status, [field, value]) => withAt(status, [field], value), known);
};
