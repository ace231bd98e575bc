import type { ImageCache } from '#model/image-cache.ts';
import type { Plan } from '#model/plan.ts';
import { ApiError, RetryLater } from './errors.ts';
import type { Context } from './handler.ts';

/** Writes a plan in its order. Throws the `ApiError` of a conflict before anything else is written; what fails later is told together. */
export async function carryOut(plan: Plan, cache: ImageCache, { cluster, now, log }: Context): Promise<void> {
  if (plan.status !== undefined) await cluster.writeStatus(cache, plan.status);
  await allDone([
    ...plan.create.map(async (job) => cluster.createJob(job)),
    ...plan.remove.map(async (job) => cluster.removeJob(cache.namespace, job)),
  ]);
  if (Object.keys(plan.annotations).length > 0) await cluster.removeAnnotations(cache, plan.annotations);
  for (const event of plan.events) await cluster.record(cache, event, now());
  const { status, create, remove, events } = plan;
  log.info(
    {
      cache: `${cache.namespace}/${cache.name}`,
      round: status?.round?.number ?? cache.status.round?.number,
      ...(status === undefined ? {} : { status: status.status }),
      created: create.length,
      removed: remove.length,
      events: events.length,
    },
    'carried out',
  );
}

/** Waits for all writes, whatever comes of each; then tells the first failure. Work in a namespace that is going away is dropped. */
async function allDone(writes: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(writes);
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const grave = errors.filter((error) => !isNamespaceGoing(error));
  if (grave.length === 0) return;
  const first = grave.find((error) => error instanceof ApiError || error instanceof RetryLater) ?? grave[0];
  throw new WriteFailed(`${grave.length} of ${writes.length} Jobs could not be written`, { cause: first });
}

const isNamespaceGoing = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 403 && error.message.includes('because it is being terminated');

/** Jobs that could not be made or deleted; the cause is the first refusal. The status is ahead of them: look again. */
export class WriteFailed extends Error {
  override readonly name = 'WriteFailed';
}
