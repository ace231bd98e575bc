import type { Logger } from 'pino';
import { labels, managerSelector, pullSelector, removalSelector } from '#model/cache/api.ts';
import type { CacheReference, ObjectReference } from '#model/cache/cloud-event.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Node } from '#model/node/node.ts';
import { nodeReader } from '#model/node/parse-node.ts';
import { parseJob } from '#model/job/parse-job.ts';
import { parsePod, podReader } from '#model/job/parse-pod.ts';
import type { JobToDelete } from '#model/plan.ts';
import type { Pod } from '#model/job/pod.ts';
import type { Job } from '#model/job/job.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { JsonPatchOperation } from '#model/desired/warm-gate.ts';
import type { RemovalJob } from '#model/removal/removal-job.ts';
import type { SourceKind } from '#model/workload/image-sources.ts';
import type { Api } from '#runtime/api/api.ts';
import type { EventSubject } from './cache-event-object.ts';
import { cacheOfObject } from './cache-of-object.ts';
import { livePulls, type LivePulls } from './live-pulls.ts';
import { nodesNamed } from './nodes-named.ts';
import { ApiError, isConflict, isNotFound, Rejected, unless } from '#runtime/errors.ts';
import { listItems, listItemsAt, listVersion } from '#runtime/api/list-items.ts';
import { createJob } from './create-job.ts';
import { isWithin, type Namespaces, pathsWithin } from '#runtime/api/namespaces.ts';
import { parsePullSecret } from './parse-pull-secret.ts';
import { paths } from '#runtime/api/paths.ts';
import { podRefusals } from './pod-refusals.ts';
import { hasServiceAccount } from './has-service-account.ts';
import {
  type AccountReading,
  type AccountSecrets,
  accountSecrets,
  imageSources,
  type SourceReading,
  type SourcesRead,
} from './image-sources.ts';
import { isRecorded, record } from './record-event.ts';
import { knativeImages, type KnativeImages } from './knative-images.ts';
import { knownUses, type KnownUses } from './registry-uses.ts';
import { setFinalizer } from './set-finalizer.ts';
import { sharedNodes, type Deciding } from './shared-nodes.ts';
import {
  byMetadataIfUnreadable,
  cacheOrUnreadable,
  isUnreadable,
  type CacheListing,
  type OnUnreadable,
} from './unreadable.ts';
import { userOfNamespace } from './user-of-namespace.ts';
import { versionIn } from './version-in.ts';
import { writeStatus } from './write-status.ts';

/** Everything that functions read and write in the cluster. Every method throws `ApiError` if the API server refuses. */
export type Cluster = {
  /** Undefined if it does not exist, as with the other single objects. Throws `Rejected` if it cannot be parsed. */
  readonly cache: (reference: CacheReference) => Promise<ImageCache | undefined>;
  /** All that can be read. */
  readonly caches: () => Promise<readonly ImageCache[]>;
  readonly listCaches: () => Promise<CacheListing>;
  /** The cache that a Job or Pod of ours belongs to; undefined if it is gone or not ours. */
  readonly cacheOf: (object: ObjectReference) => Promise<CacheReference | undefined>;
  readonly node: (name: string) => Promise<Node | undefined>;
  /** All, or those that match a label selector. */
  readonly nodes: (selector?: string) => Promise<readonly Node[]>;
  /** All, shared by the decisions of some seconds; no older than the cache that this one is on. */
  readonly nodesSince: (deciding: Deciding) => Promise<readonly Node[]>;
  /** Those of these names, with few requests; undefined for each that does not exist. */
  readonly nodesNamed: (names: readonly string[]) => Promise<ReadonlyMap<string, Node | undefined>>;
  readonly job: (namespace: string, name: string) => Promise<Job | undefined>;
  /** The Jobs that match a label selector, metadata only: without their outcome. */
  readonly jobs: (namespace: string, selector: string) => Promise<readonly Job[]>;
  /** The same with their outcome, at many times the bytes. */
  readonly jobsInFull: (namespace: string, selector: string) => Promise<readonly Job[]>;
  /** All our pull Jobs in every namespace, metadata only, without those of caches with these uids, as far as one selector can exclude them. */
  readonly jobsBut: (cacheUids: readonly string[]) => Promise<readonly Job[]>;
  /** The removal Jobs of all caches, with their outcome. */
  readonly removals: (namespace: string) => Promise<readonly Job[]>;
  readonly pod: (namespace: string, name: string) => Promise<Pod | undefined>;
  readonly pods: (namespace: string, selector: string) => Promise<readonly Pod[]>;
  /** The logins of a pull Secret, as a keyring reads them; '' if it has none. */
  readonly pullSecret: (namespace: string, name: string) => Promise<string>;
  /** By Job uid: why the Job controller cannot create Pods, according to the latest Event. */
  readonly podRefusals: (namespace: string, jobs: readonly Job[]) => Promise<ReadonlyMap<string, string>>;
  /** Whether a service account exists; true if this process may not see it. */
  readonly hasServiceAccount: (namespace: string, name: string) => Promise<boolean>;
  /** What workloads of a kind need, without our own Jobs and Pods: no more than `most` and a few. */
  readonly imageSources: (namespace: string, kind: SourceKind, reading: SourceReading) => Promise<SourcesRead>;
  /** The pull secrets of some service accounts of a namespace. */
  readonly accountSecrets: (namespace: string, reading: AccountReading) => Promise<AccountSecrets>;
  /** The user id for Pods of a namespace. */
  readonly userOf: (namespace: string) => Promise<number>;
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
  readonly livePulls: LivePulls;
  readonly knownUses: KnownUses;
  readonly knative: KnativeImages;
  readonly isRecorded: (cache: EventSubject, event: CacheEvent) => Promise<boolean>;
};

/** A cluster over a connection to the API server. With `namespaces`, caches in other namespaces count as absent. */
export function createCluster(api: Api, namespaces: Namespaces = [], log?: Pick<Logger, 'warn'>): Cluster {
  const onUnreadable = logOnce(log);
  // One for all reads: many decisions at once hold the same Nodes.
  const readNode = byMetadataIfUnreadable('Node', nodeReader(), onUnreadable);
  const nodeListing = { bound: 'page_nodes', parse: readNode } as const;
  const readJob = byMetadataIfUnreadable('Job', parseJob, onUnreadable);
  const readPod = byMetadataIfUnreadable('Pod', parsePod, onUnreadable);
  const readPods = () => byMetadataIfUnreadable('Pod', podReader(), onUnreadable);
  const listCaches = async (): Promise<CacheListing> => {
    const path = pathsWithin(namespaces, paths.caches);
    const all = await listItemsAt(api, path, { bound: 'page_caches', parse: cacheOrUnreadable });
    return {
      caches: all.filter((cache): cache is ImageCache => !isUnreadable(cache)),
      unreadable: all.filter(isUnreadable),
    };
  };
  const get = async (path: () => string): Promise<unknown> => api.request({ method: 'GET', path: path() });
  const find = async <T>(path: () => string, parse: (object: unknown) => T): Promise<T | undefined> =>
    ifFound(get(path), parse);
  return {
    cache: async (reference) =>
      isWithin(namespaces, reference.namespace) ? find(() => paths.cache(reference), readableCache) : undefined,
    caches: async () => (await listCaches()).caches,
    knownUses: knownUses(async () => (await listCaches()).caches),
    listCaches,
    cacheOf: async (object) => {
      const isOurs = isWithin(namespaces, object.namespace) && ['Job', 'Pod'].includes(object.kind);
      return isOurs ? find(() => paths.object(object), cacheOfObject) : undefined;
    },
    node: async (name) => find(() => paths.node(name), readNode),
    nodesNamed: async (names) => nodesNamed(api, names, readNode),
    nodes: async (selector = '') =>
      listItems(api, paths.nodes, { ...nodeListing, ...(selector === '' ? {} : { selector }) }),
    nodesSince: sharedNodes(() => listVersion(api, paths.nodes, nodeListing)),
    job: async (namespace, name) => find(() => paths.job(namespace, name), readJob),
    jobs: async (namespace, selector) =>
      listItems(api, paths.jobs(namespace), { bound: 'page_job_metadata', parse: readJob, selector, isMetadata: true }),
    jobsInFull: async (namespace, selector) =>
      listItems(api, paths.jobs(namespace), { bound: 'page_jobs', parse: readJob, selector }),
    jobsBut: async (cacheUids) =>
      listItemsAt(api, pathsWithin(namespaces, paths.jobs), {
        bound: 'page_job_metadata',
        parse: readJob,
        selector: `${managerSelector},${pullSelector}${notOf(cacheUids)}`,
        isMetadata: true,
      }),
    removals: async (namespace) =>
      listItems(api, paths.jobs(namespace), { bound: 'page_removal_jobs', parse: readJob, selector: removalSelector }),
    pod: async (namespace, name) => find(() => paths.pod(namespace, name), readPod),
    pods: async (namespace, selector) =>
      listItems(api, paths.pods(namespace), { bound: 'page_pods', parse: readPods(), selector }),
    pullSecret: async (namespace, name) => parsePullSecret(await get(() => paths.secret(namespace, name))),
    podRefusals: async (namespace, jobs) => podRefusals(api, namespace, jobs),
    hasServiceAccount: async (namespace, name) => hasServiceAccount(api, namespace, name),
    imageSources: async (namespace, kind, reading) => imageSources(api, { namespace, kind, ...reading }),
    accountSecrets: async (namespace, reading) => accountSecrets(api, { namespace, ...reading }),
    userOf: async (namespace) => userOfNamespace(api, namespace),
    writeStatus: async (cache, status) => writeStatus(api, cache, status),
    removeAnnotations: async (cache, values) => removeAnnotations(api, cache, values),
    createJob: async (job) => createJob(api, job),
    deleteJob: async (namespace, job) => removeJob(api, namespace, job),
    patchNode: async (name, patch) => patchNode(api, name, patch),
    setFinalizer: async (cache, change) => setFinalizer(api, cache, change),
    record: async (cache, event, now) => record(api, cache, { event, now }),
    livePulls: livePulls(api, namespaces),
    knative: knativeImages(api, namespaces, log),
    isRecorded: async (cache, event) => isRecorded(api, cache, event),
  };
}

/** Most caches in one selector: each takes 37 characters of the URL. */
const maxExcluded = 100;

const notOf = (cacheUids: readonly string[]): string =>
  cacheUids.length === 0 ? '' : `,${labels.cacheUid} notin (${cacheUids.slice(0, maxExcluded).join()})`;

async function ifFound<T>(answer: Promise<unknown>, parse: (object: unknown) => T): Promise<T | undefined> {
  try {
    return parse(await answer);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** A cache that cannot be parsed stays so until it is edited, which is another event. */
function readableCache(object: unknown): ImageCache {
  const cache = cacheOrUnreadable(object);
  if (!isUnreadable(cache)) return cache;
  throw new Rejected(`ImageCache ${cache.namespace}/${cache.name} is invalid: ${cache.problem}`);
}

/** Most objects that are remembered as logged. */
const maxLogged = 1000;

/** Logs each unreadable object once: the same Node is listed many times. */
function logOnce(log: Pick<Logger, 'warn'> | undefined): OnUnreadable {
  const logged = new Set<string>();
  return (unreadable) => {
    const key = JSON.stringify(unreadable);
    if (logged.has(key)) return;
    if (logged.size >= maxLogged) logged.clear();
    logged.add(key);
    log?.warn(unreadable, 'object is invalid: only its metadata is used');
  };
}

/**
 * Removes annotations that still have these values: another function may have removed them, or a user changed them. First from the
 * version that was read, so that the new one is known to follow it; any other version will do, too.
 */
async function removeAnnotations(
  api: Api,
  cache: ImageCache,
  values: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const path = paths.cache(cache);
  const contentType = 'application/json-patch+json';
  const isRead = { op: 'test', path: '/metadata/resourceVersion', value: cache.resourceVersion };
  const removal = Object.entries(values).flatMap(([key, value]) => {
    const pointer = `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return [
      { op: 'test', path: pointer, value },
      { op: 'remove', path: pointer },
    ];
  });
  try {
    return versionIn(await api.request({ method: 'PATCH', path, contentType, body: [isRead, ...removal] }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!isInvalid(error)) throw error;
  }
  try {
    await api.request({ method: 'PATCH', path, contentType, body: removal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!isInvalid(error)) throw error;
    const live = await ifFound(api.request({ method: 'GET', path }), readableCache);
    const isThere = Object.entries(values).some(([key, value]) => live?.annotations[key] === value);
    if (isThere) throw error;
  }
  return undefined;
}

/** Whether the test of a JSON patch has failed, or its result is refused. */
const isInvalid = (error: unknown): boolean => error instanceof ApiError && error.status === 422;

/** The uid keeps another Job of the same name from being deleted. */
async function removeJob(api: Api, namespace: string, { name, uid }: JobToDelete): Promise<void> {
  const body = { propagationPolicy: 'Background', preconditions: { uid } };
  const isGone = (error: unknown): boolean => isNotFound(error) || isConflict(error);
  await unless(isGone, api.request({ method: 'DELETE', path: paths.job(namespace, name), body }));
}

async function patchNode(api: Api, name: string, body: readonly JsonPatchOperation[]): Promise<void> {
  await api.request({ method: 'PATCH', path: paths.node(name), contentType: 'application/json-patch+json', body });
}
