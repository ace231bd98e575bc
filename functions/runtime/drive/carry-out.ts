import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Plan } from '#model/plan.ts';
import { ApiError, RetryLater } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';

/**
 * Writes a plan in its order. Throws the `ApiError` of a conflict before anything else is written. Jobs are only made of a cache that is still as it was
 * seen, so a status that stays is written as well, which changes nothing: a Job that was recorded and deleted since would be made a second time.
 * What fails of the Jobs is told together, and at the end: no later plan has the annotations and Events of this one.
 */
export async function carryOut(plan: Plan, cache: ImageCache, { cluster, settings, now, log }: Context): Promise<void> {
  const makesJobs = plan.createJobs.length + plan.createRemovalJobs.length > 0;
  if (plan.status !== undefined || makesJobs) await cluster.writeStatus(cache, plan.status ?? cache.status);
  const failure = await failureOf([
    ...[...plan.createJobs, ...plan.createRemovalJobs].map(async (job) => cluster.createJob(job)),
    ...plan.deleteJobs.map(async (job) => cluster.deleteJob(cache.namespace, job)),
    ...plan.deleteRemovalJobs.map(async (job) => cluster.deleteJob(settings.namespace, job)),
  ]);
  if (Object.keys(plan.annotations).length > 0) await cluster.removeAnnotations(cache, plan.annotations);
  for (const event of plan.events) await unlessNamespaceIsGoing(cluster.record(cache, event, now()));
  if (plan.finalizer !== undefined) await cluster.setFinalizer(cache, plan.finalizer);
  if (failure !== undefined) throw failure;
  const { status, createJobs, createRemovalJobs, deleteJobs, events } = plan;
  log.info(
    {
      cache: `${cache.namespace}/${cache.name}`,
      round: status?.round?.number ?? cache.status.round?.number,
      ...(status === undefined ? {} : { status: status.status }),
      created: createJobs.length + createRemovalJobs.length,
      removed: deleteJobs.length,
      events: events.length,
    },
    'carried out',
  );
}

/** Waits for all writes, whatever comes of each; then tells the first failure. */
async function failureOf(writes: readonly Promise<void>[]): Promise<WriteFailed | undefined> {
  const results = await Promise.allSettled(writes.map(unlessNamespaceIsGoing));
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (errors.length === 0) return undefined;
  const first = errors.find((error) => error instanceof ApiError || error instanceof RetryLater) ?? errors[0];
  return new WriteFailed(`${errors.length} of ${writes.length} Jobs could not be written`, { cause: first });
}

/** Work in a namespace that is going away is dropped. */
async function unlessNamespaceIsGoing(write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isNamespaceGoing(error)) throw error;
  }
}

const isNamespaceGoing = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 403 && error.message.includes('because it is being terminated');

/** Jobs that could not be made or deleted; the cause is the first refusal. The status is ahead of them: look again. */
export class WriteFailed extends Error {
  override readonly name = 'WriteFailed';
}
