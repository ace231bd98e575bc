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

/** Words of kstatus that an ImageCache can come to. */
export type Kstatus = 'Terminating' | 'InProgress' | 'Failed' | 'Current';

/**
 * The documented rules of kstatus for a kind that it does not know (https://github.com/kubernetes-sigs/cli-utils, pkg/kstatus),
 * by which Flux and `kubectl` tools wait: deletion, then the generation, then the first of Reconciling and Stalled, then Ready, and Current if nothing speaks against it.
 * kstatus.cluster.test.ts holds it to the real module.
 */
export function kstatus(given: object): Kstatus {
  const { metadata, status } = object.parse(given);
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const { observedGeneration, conditions = [] } = status ?? {};
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress';
  const first = conditions.find(({ type, status: word }) => word === 'True' && /^(Reconciling|Stalled)$/.test(type));
  if (first !== undefined) return first.type === 'Reconciling' ? 'InProgress' : 'Failed';
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}
