import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { JsonPatchOperation } from '#model/desired/warm-gate.ts';
import type { JobToDelete } from '#model/plan.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { RemovalJob } from '#model/removal/removal-job.ts';
import type { Api } from '#runtime/api/api.ts';
import { paths } from '#runtime/api/paths.ts';
import type { EventSubject } from './cache-event-object.ts';
import { createJob } from './create-job.ts';
import { deleteJob } from './delete-job.ts';
import { record } from './record-event.ts';
import { removeAnnotations } from './remove-annotations.ts';
import { setFinalizer } from './set-finalizer.ts';
import { writeStatus } from './write-status.ts';

/** Everything that functions write in the cluster, but for Images of Knative. */
export type ClusterWrites = {
  /**
   * Replaces the whole status. Throws `ApiError` 409 if the cache has changed since it was read. Returns the version of the cache that
   * follows the one that was read, as the other writes of a cache do; undefined if it is not known, or another one came between.
   */
  readonly writeStatus: (cache: ImageCache, status: Status) => Promise<string | undefined>;
  /** Removes annotations if all of them still have these values. */
  readonly removeAnnotations: (
    cache: ImageCache,
    values: Readonly<Record<string, string>>,
  ) => Promise<string | undefined>;
  /** Creates a Job unless it exists. Throws `RetryLater` while a Job that is being deleted has its name. */
  readonly createJob: (job: PullJob | RemovalJob) => Promise<void>;
  /** Deletes the Job with this uid and its Pods, if it exists. */
  readonly deleteJob: (namespace: string, job: JobToDelete) => Promise<void>;
  /** Applies a JSON patch to a Node. Throws `ApiError` 422 if a test in it fails. */
  readonly patchNode: (name: string, patch: readonly JsonPatchOperation[]) => Promise<void>;
  /** Adds or removes our finalizer. Throws `ApiError` 409 if the cache has changed since it was read. */
  readonly setFinalizer: (cache: ImageCache, change: 'add' | 'release') => Promise<string | undefined>;
  /** Records an Event once, however often it is called. */
  readonly record: (cache: EventSubject, event: CacheEvent, now: number) => Promise<void>;
};

/** The writes over a connection to the API server. */
export const clusterWrites = (api: Api): ClusterWrites => ({
  writeStatus: async (cache, status) => writeStatus(api, cache, status),
  removeAnnotations: async (cache, values) => removeAnnotations(api, cache, values),
  createJob: async (job) => createJob(api, job),
  deleteJob: async (namespace, job) => deleteJob(api, namespace, job),
  patchNode: async (name, patch) => patchNode(api, name, patch),
  setFinalizer: async (cache, change) => setFinalizer(api, cache, change),
  record: async (cache, event, now) => record(api, cache, { event, now }),
});

async function patchNode(api: Api, name: string, body: readonly JsonPatchOperation[]): Promise<void> {
  await api.request({ method: 'PATCH', path: paths.node(name), contentType: 'application/json-patch+json', body });
}
