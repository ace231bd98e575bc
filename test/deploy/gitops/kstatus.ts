import * as z from 'zod/mini';

const object = z.object({
  metadata: z.object({ generation: z.optional(z.number()), deletionTimestamp: z.optional(z.string()) }),
  status: z.optional(
    z.looseObject({
      observedGeneration: z.optional(z.number()),
      conditions: z.optional(z.array(z.object({ type: z.string(), status: z.string() }))),
    }),
  ),
});

/** Statuses of kstatus that an ImageCache can have. */
export type Kstatus = 'Terminating' | 'InProgress' | 'Failed' | 'Current';

/**
 * The rules of kstatus for custom resources (https://github.com/kubernetes-sigs/cli-utils, pkg/kstatus), which Flux uses to
 * wait: deletion, then the generation, then the first of Reconciling and Stalled, then Ready, else Current.
 * kstatus.cluster.test.ts compares it with the Go module.
 */
export function kstatus(given: object): Kstatus {
  const { metadata, status } = object.parse(given);
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const { observedGeneration, conditions = [] } = status ?? {};
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress';
  const first = conditions.find(({ type, status: value }) => value === 'True' && /^(Reconciling|Stalled)$/.test(type));
  if (first !== undefined) return first.type === 'Reconciling' ? 'InProgress' : 'Failed';
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}
