import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Plan } from '#model/plan.ts';
import { ApiError, RetryLater, unless } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';

/**
 * Writes a plan in its order. A conflict over the status is thrown before anything else is written. A status that does not
 * change is written too if Jobs are created: the conflict shows that the cache has changed, and a Job that was recorded and
 * deleted since is not created again. Failures of Jobs are thrown last, since no later plan has these annotations and Events.
 */
export async function carryOut(plan: Plan, cache: ImageCache, context: Context): Promise<void> {
  const { cluster, settings, now } = context;
  const jobsToCreate = [...plan.createJobs, ...plan.createRemovalJobs];
  if (plan.status !== undefined || jobsToCreate.length > 0)
    await cluster.writeStatus(cache, plan.status ?? cache.status);
  const failure = await firstFailure([
    ...jobsToCreate.map(async (job) => cluster.createJob(job)),
    ...plan.deleteJobs.map(async (job) => cluster.deleteJob(cache.namespace, job)),
    ...plan.deleteRemovalJobs.map(async (job) => cluster.deleteJob(settings.namespace, job)),
  ]);
  if (Object.keys(plan.annotations).length > 0) await cluster.removeAnnotations(cache, plan.annotations);
  for (const event of plan.events) await unless(isNamespaceTerminating, cluster.record(cache, event, now()));
  if (plan.finalizer !== undefined) await cluster.setFinalizer(cache, plan.finalizer);
  if (failure !== undefined) throw failure;
  logPlan(plan, cache, context);
}

/** Jobs that could not be created or deleted; the cause is the first refusal. The status is written already: observe again. */
export class WriteFailed extends Error {
  override readonly name = 'WriteFailed';
}

/** Waits for all writes, then returns the first failure. */
async function firstFailure(writes: readonly Promise<void>[]): Promise<WriteFailed | undefined> {
  const results = await Promise.allSettled(writes.map(async (write) => unless(isNamespaceTerminating, write)));
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (errors.length === 0) return undefined;
  const cause = errors.find((error) => error instanceof ApiError || error instanceof RetryLater) ?? errors[0];
  return new WriteFailed(`${errors.length} of ${writes.length} Jobs could not be written`, { cause });
}

/** Nothing can be created in a namespace that is being deleted, and nothing needs to be. */
const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 403 && error.message.includes('because it is being terminated');

function logPlan({ status, createJobs, createRemovalJobs, ...plan }: Plan, cache: ImageCache, { log }: Context): void {
  log.info(
    {
      cache: `${cache.namespace}/${cache.name}`,
      round: status?.round?.number ?? cache.status.round?.number,
      ...(status === undefined ? {} : { status: status.status }),
      created: createJobs.length + createRemovalJobs.length,
      removed: plan.deleteJobs.length,
      events: plan.events.length,
    },
    'plan carried out',
  );
}
