import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Plan } from '#model/plan.ts';
import { ApiError, RetryLater, unless } from '#runtime/errors.ts';
import type { NodeListing } from '#runtime/cluster/nodes.ts';
import type { Context } from '#runtime/handler.ts';
import { planLines } from './plan-log.ts';
import { shareOfCalls } from '../api/limits.ts';

/**
 * Writes a plan in its order. A conflict over the status is thrown before anything else is written. A status that does not
 * change is written too if Jobs are created: the conflict shows that the cache has changed, and a Job that was recorded and
 * deleted since is not created again. Failures of Jobs are thrown last, since no later plan has these annotations and Events.
 */
export async function carryOut(
  plan: Plan,
  cache: ImageCache,
  nodes: NodeListing | undefined,
  context: Context,
): Promise<void> {
  const { cluster, settings, now } = context;
  logDecision(plan, cache, context);
  const jobsToCreate = [...plan.createJobs, ...plan.createRemovalJobs];
  const isWritten = plan.status !== undefined || jobsToCreate.length > 0;
  const version = isWritten ? await cluster.writeStatus(cache, plan.status ?? cache.status) : undefined;
  nodes?.noteWrite(cache, version);
  const failure = await firstFailure(
    [
      ...jobsToCreate.map((job) => () => cluster.createJob(job)),
      ...plan.deleteJobs.map((job) => () => cluster.deleteJob(cache.namespace, job)),
      ...plan.deleteRemovalJobs.map((job) => () => cluster.deleteJob(settings.namespace, job)),
    ],
    context,
  );
  if (Object.keys(plan.annotations).length > 0) {
    const latest = { ...cache, resourceVersion: version ?? cache.resourceVersion };
    nodes?.noteWrite(latest, await cluster.removeAnnotations(latest, plan.annotations));
  }
  for (const event of plan.events) await unless(isNamespaceTerminating, cluster.record(cache, event, now()));
  if (plan.finalizer !== undefined) nodes?.noteWrite(cache, await cluster.setFinalizer(cache, plan.finalizer));
  logPlan(plan, cache, context);
  if (failure !== undefined) throw failure;
}

/** Jobs that could not be created or deleted; the cause is the first refusal. The status is written already: observe again. */
export class WriteFailed extends Error {
  override readonly name = 'WriteFailed';
}

type Write = () => Promise<void>;

/**
 * Sends all writes, then returns the first failure. A process that stops sends no more of them: thousands of Jobs would hold
 * up the next leader, which creates those that are missing.
 */
async function firstFailure(writes: readonly Write[], { signal }: Context): Promise<WriteFailed | undefined> {
  const send = (write: Write) => (): Promise<void> => unless(isNamespaceTerminating, write());
  const results = await Promise.allSettled(shareOfCalls(writes.map(send), signal));
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (errors.length === 0) return undefined;
  const cause = errors.find((error) => error instanceof ApiError || error instanceof RetryLater) ?? errors[0];
  return new WriteFailed(`${errors.length} of ${writes.length} Jobs could not be written`, { cause });
}

/** Nothing can be created in a namespace that is being deleted, and nothing needs to be. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 403 && error.message.includes('because it is being terminated');

/** The plan before it is written, for debugging. */
function logDecision(plan: Plan, cache: ImageCache, { log }: Context): void {
  if (!log.isLevelEnabled('debug')) return;
  const names = (jobs: readonly { readonly metadata: { readonly name: string } }[]): readonly string[] =>
    jobs.map(({ metadata }) => metadata.name);
  log.debug(
    {
      ...subjectOf(plan, cache),
      writesStatus: plan.status !== undefined,
      createJobs: names([...plan.createJobs, ...plan.createRemovalJobs]),
      deleteJobs: [...plan.deleteJobs, ...plan.deleteRemovalJobs].map(({ name }) => name),
      events: plan.events.map(({ reason }) => reason),
      observeNext: plan.observeNext,
    },
    'plan',
  );
}

/** What the plan did, once it is written. */
function logPlan(plan: Plan, cache: ImageCache, { log }: Context): void {
  const subject = subjectOf(plan, cache);
  for (const [msg, fields] of planLines(plan, cache)) log.info({ ...subject, ...fields }, msg);
}

const subjectOf = ({ status }: Plan, { namespace, name, status: before }: ImageCache) => ({
  cache: `${namespace}/${name}`,
  round: (status ?? before).round?.number,
});
