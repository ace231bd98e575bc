import * as z from 'zod/mini';
import {
  imageCacheKind,
  jobAnnotations,
  labels,
  managerSelector,
  pullSelector,
  removalSelector,
} from '#model/cache/api.ts';
import type { CacheReference, ObjectReference } from '#model/cache/cloud-event.ts';
import type { Job, Pod } from '#model/job/job.ts';
import { parseJob } from '#model/job/parse-job.ts';
import { parsePod, podReader } from '#model/job/parse-pod.ts';
import type { JobToDelete } from '#model/plan.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { RemovalJob } from '#model/removal/removal-job.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { onlyMetadata } from '#runtime/api/answer.ts';
import { isWithin, type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';
import { isConflict, isNotFound, RetryLater, unless } from '#runtime/errors.ts';
import { byMetadataIfUnreadable, find, type OnUnreadable } from './objects.ts';

/** Reads, creates and deletes our Jobs, and reads their Pods. */
export function jobCalls(api: Api, namespaces: Namespaces, onUnreadable: OnUnreadable) {
  const readJob = byMetadataIfUnreadable('Job', parseJob, onUnreadable);
  const readPod = byMetadataIfUnreadable('Pod', parsePod, onUnreadable);
  const ofMetadata = { bound: 'page_job_metadata', parse: readJob, isMetadata: true } as const;
  return {
    /** The cache that a Job or Pod of ours belongs to; undefined if it is gone or not ours. */
    cacheOf: async (object: ObjectReference): Promise<CacheReference | undefined> => {
      const isOurs = isWithin(namespaces, object.namespace) && ['Job', 'Pod'].includes(object.kind);
      return isOurs ? find(api, () => paths.object(object), cacheOfObject) : undefined;
    },
    job: async (namespace: string, name: string): Promise<Job | undefined> =>
      find(api, () => paths.job(namespace, name), readJob),
    /** The Jobs that match a label selector, metadata only: without their outcome. */
    jobs: async (namespace: string, selector: string): Promise<readonly Job[]> =>
      listItems(api, paths.jobs(namespace), { ...ofMetadata, selector }),
    /** The same with their outcome, at many times the bytes. */
    jobsInFull: async (namespace: string, selector: string): Promise<readonly Job[]> =>
      listItems(api, paths.jobs(namespace), { bound: 'page_jobs', parse: readJob, selector }),
    /** All our pull Jobs in every namespace, metadata only, without those of caches with these uids, as far as one selector can exclude them. */
    jobsBut: async (cacheUids: readonly string[]): Promise<readonly Job[]> => {
      const selector = `${managerSelector},${pullSelector}${notOf(cacheUids)}`;
      return listItems(api, pathsWithin(namespaces, paths.jobs), { ...ofMetadata, selector });
    },
    /** The removal Jobs of all caches, with their outcome. */
    removals: async (namespace: string): Promise<readonly Job[]> =>
      listItems(api, paths.jobs(namespace), { bound: 'page_removal_jobs', parse: readJob, selector: removalSelector }),
    pod: async (namespace: string, name: string): Promise<Pod | undefined> =>
      find(api, () => paths.pod(namespace, name), readPod),
    pods: async (namespace: string, selector: string): Promise<readonly Pod[]> => {
      const parse = byMetadataIfUnreadable('Pod', podReader(), onUnreadable);
      return listItems(api, paths.pods(namespace), { bound: 'page_pods', parse, selector });
    },
    podRefusals: async (namespace: string, jobs: readonly Job[]): Promise<ReadonlyMap<string, string>> =>
      podRefusals(api, namespace, jobs),
    createJob: async (job: PullJob | RemovalJob): Promise<void> => createJob(api, job),
    /** Deletes a Job and its Pods in the background, if it exists. The uid keeps another Job of the same name from being deleted. */
    deleteJob: async (namespace: string, { name, uid }: JobToDelete): Promise<void> => {
      const body = { propagationPolicy: 'Background', preconditions: { uid } };
      const isGone = (error: unknown): boolean => isNotFound(error) || isConflict(error);
      await unless(isGone, api.request({ method: 'DELETE', path: paths.job(namespace, name), body }));
    },
  };
}

/** Maximum number of caches in one selector: each takes 37 characters of the URL. */
const maxExcluded = 100;

const notOf = (cacheUids: readonly string[]): string =>
  cacheUids.length === 0 ? '' : `,${labels.cacheUid} notin (${cacheUids.slice(0, maxExcluded).join()})`;

const existing = z.object({
  metadata: z.object({
    deletionTimestamp: z.optional(z.string()),
    labels: z.optional(z.record(z.string(), z.string())),
    ownerReferences: z.optional(z.array(z.object({ uid: z.string() }))),
  }),
});

/**
 * Creates a Job unless it exists: a Job of that name is the same one if it is of the same cache, as the name identifies everything
 * else. Throws `RetryLater` while a Job that is being deleted has the name.
 */
async function createJob(api: Api, job: PullJob | RemovalJob): Promise<void> {
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

/** An Event that cannot be parsed explains nothing. */
const event = z.catch(
  z.object({
    message: z._default(z.string(), ''),
    lastTimestamp: z._default(z.nullable(z.string()), ''),
    involvedObject: z.optional(z.object({ uid: z.optional(z.string()) })),
  }),
  { message: '', lastTimestamp: '' },
);

/**
 * By Job uid: why the Job controller could not create Pods (a quota, an admission policy), according to its latest Event.
 * One listing for all Jobs, since the API server scans every Event of the namespace to answer it.
 */
async function podRefusals(api: Api, namespace: string, jobs: readonly Job[]): Promise<ReadonlyMap<string, string>> {
  if (jobs.length === 0) return new Map();
  const [only] = jobs.length === 1 ? jobs : [];
  const which = only === undefined ? 'involvedObject.kind=Job' : `involvedObject.uid=${only.uid}`;
  const fieldSelector = `${which},reason=FailedCreate`;
  const events = await listItems(api, paths.events(namespace), {
    bound: 'page_events',
    parse: (object) => event.parse(object),
    fieldSelector,
  });
  const uids = new Set(jobs.map(({ uid }) => uid));
  return new Map(
    events
      .toSorted((a, b) => ((a.lastTimestamp ?? '') < (b.lastTimestamp ?? '') ? -1 : 1))
      .flatMap(({ involvedObject, message }) => {
        const uid = involvedObject?.uid ?? '';
        return uids.has(uid) ? [[uid, withoutPodName(message)] as const] : [];
      }),
  );
}

/** Without the made-up name of the Pod, so that equal refusals of several Jobs are equal. */
const withoutPodName = (message: string): string => message.replace(/\bpods "[^"]+" is forbidden/, 'pods is forbidden');

const owned = z.object({
  metadata: z.object({
    namespace: z.optional(z.string()),
    annotations: z.optional(z.record(z.string(), z.string())),
    ownerReferences: z.optional(z.array(z.object({ kind: z.string(), name: z.string() }))),
  }),
});

/** The cache that a Job or Pod says it belongs to; none if it cannot be parsed. Jobs live in the namespace of their cache, so the annotation cannot name another one. */
function cacheOfObject(object: unknown): CacheReference | undefined {
  const { namespace = '', annotations = {}, ownerReferences = [] } = owned.safeParse(object).data?.metadata ?? {};
  const annotated = /^[^/]+\/([^/]+)$/.exec(annotations[jobAnnotations.cache] ?? '')?.[1];
  const name = annotated ?? ownerReferences.find(({ kind }) => kind === imageCacheKind)?.name;
  return name === undefined || namespace === '' ? undefined : { namespace, name };
}
