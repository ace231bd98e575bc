import * as z from 'zod/mini';
import { labels } from '#model/cache/api.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { RemovalJob } from '#model/removal/removal-job.ts';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, RetryLater } from '#runtime/errors.ts';
import { onlyMetadata } from '#runtime/api/answer.ts';
import { paths } from '#runtime/api/paths.ts';

const existing = z.object({
  metadata: z.object({
    deletionTimestamp: z.optional(z.string()),
    labels: z.optional(z.record(z.string(), z.string())),
    ownerReferences: z.optional(z.array(z.object({ uid: z.string() }))),
  }),
});

/** Creates a Job. An existing Job of that name is the same one if it is of the same cache: the name identifies everything else. */
export async function createJob(api: Api, job: PullJob | RemovalJob): Promise<void> {
  const { namespace, name } = job.metadata;
  try {
    await api.request({ method: 'POST', path: paths.jobs(namespace), body: job, accept: onlyMetadata });
  } catch (error) {
    if (!isConflict(error)) throw error;
    const { metadata } = existing.parse(await api.request({ method: 'GET', path: paths.job(namespace, name) }));
    const owner = job.metadata.ownerReferences?.[0]?.uid;
    const isOurs =
      owner === undefined
        ? metadata.labels?.[labels.cacheUid] === job.metadata.labels?.[labels.cacheUid]
        : (metadata.ownerReferences?.some(({ uid }) => uid === owner) ?? false);
    if (isOurs && metadata.deletionTimestamp === undefined) return;
    const why = isOurs ? 'is still being deleted' : 'belongs to someone else';
    throw new RetryLater(`Job ${namespace}/${name} exists and ${why}`, isOurs ? 1000 : 60_000, { cause: error });
  }
}
