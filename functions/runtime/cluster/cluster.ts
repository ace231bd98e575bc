import type { Logger } from 'pino';
import { labels, managerSelector, pullSelector, removalSelector } from '#model/cache/api.ts';
import type { CacheReference, ObjectReference } from '#model/cache/cloud-event.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Node } from '#model/node/node.ts';
import { nodeReader, parseNode } from '#model/node/parse-node.ts';
import { parseJob, parsePod, podReader } from '#model/job/parse-pod.ts';
import type { JobToDelete } from '#model/plan.ts';
import type { Pod } from '#model/job/pod.ts';
import type { Job } from '#model/job/job.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { JsonPatchOperation } from '#model/desired/warm-gate.ts';
import type { RemovalJob } from '#model/removal/removal-job.ts';
import type { Api } from '#runtime/api/api.ts';
import type { EventSubject } from './cache-event-object.ts';
import { cacheOfObject } from './cache-of-object.ts';
import { isConflict, isNotFound, Rejected } from '#runtime/errors.ts';
import { listItems, listItemsAt } from '#runtime/api/list-items.ts';
import { createJob } from './create-job.ts';
import { isWithin, type Namespaces, pathsWithin } from '#runtime/api/namespaces.ts';
import { parsePullSecret } from './parse-pull-secret.ts';
import { paths } from '#runtime/api/paths.ts';
import { podRefusals } from './pod-refusals.ts';
import { isRecorded, record } from './record-event.ts';
import { setFinalizer } from './set-finalizer.ts';
import {
  byMetadataIfUnreadable,
  cacheOrUnreadable,
  isUnreadable,
  type CacheListing,
  type OnUnreadable,
} from './unreadable.ts';
import { userOfNamespace } from './user-of-namespace.ts';
import { writeStatus } from './write-status.ts';

/** What functions ask of the API server, in their own words. Every verb throws `ApiError` where the server refuses. */
export type Cluster = {
  /** undefined if there is none; so with the other single objects. */
  readonly cache: (reference: CacheReference) => Promise<ImageCache | undefined>;
  /** All that can be read. */
  readonly caches: () => Promise<readonly ImageCache[]>;
  readonly listCaches: () => Promise<CacheListing>;
  /** The cache that a Job or Pod of ours belongs to; undefined if it is gone or not ours. */
  readonly cacheOf: (object: ObjectReference) => Promise<CacheReference | undefined>;
  readonly node: (name: string) => Promise<Node | undefined>;
  readonly nodes: () => Promise<readonly Node[]>;
  readonly job: (namespace: string, name: string) => Promise<Job | undefined>;
  /** The Jobs that a label selector names, as far as metadata tells: their outcome is not read. */
  readonly jobs: (namespace: string, selector: string) => Promise<readonly Job[]>;
  /** The same with their outcome, for many times the bytes. */
  readonly jobsInFull: (namespace: string, selector: string) => Promise<readonly Job[]>;
  /** As `jobs`, of all Jobs of ours that pull, in every namespace, but those of caches with these uids, as far as a selector can name them. */
  readonly jobsBut: (cacheUids: readonly string[]) => Promise<readonly Job[]>;
  /** The removal Jobs of all caches, with their outcome. */
  readonly removals: (namespace: string) => Promise<readonly Job[]>;
  readonly pod: (namespace: string, name: string) => Promise<Pod | undefined>;
  readonly pods: (namespace: string, selector: string) => Promise<readonly Pod[]>;
  /** The logins of a pull Secret, as a keyring reads them; '' where it has none. */
  readonly pullSecret: (namespace: string, name: string) => Promise<string>;
  /** Why the Job controller can not make the Pods of Jobs, by the latest Event of each; by the Job's uid, where there is one. */
  readonly podRefusals: (namespace: string, jobs: readonly Job[]) => Promise<ReadonlyMap<string, string>>;
  /** The user that Pods of a namespace are to run as. */
  readonly userOf: (namespace: string) => Promise<number>;
  /** Replaces the whole status if the cache is still the one that was read; if not, that is an `ApiError` 409. */
  readonly writeStatus: (cache: ImageCache, status: Status) => Promise<void>;
  /** Takes annotations away, if all of them still have these values. */
  readonly removeAnnotations: (cache: ImageCache, values: Readonly<Record<string, string>>) => Promise<void>;
  /** Makes a Job, or finds the one that was made before. Throws `RetryLater` while another one, being deleted, has its name. */
  readonly createJob: (job: PullJob | RemovalJob) => Promise<void>;
  /** Deletes this very Job with its Pods; one that is gone already is fine. */
  readonly deleteJob: (namespace: string, job: JobToDelete) => Promise<void>;
  /** A JSON patch of a Node; a test in it that does not hold is an `ApiError` 422. */
  readonly patchNode: (name: string, patch: readonly JsonPatchOperation[]) => Promise<void>;
  /** Puts our finalizer on this very version of the cache, or takes it off; if it is another by now, that is an `ApiError` 409. */
  readonly setFinalizer: (cache: ImageCache, change: 'add' | 'release') => Promise<void>;
  /** Records an Event once, however often it is told. */
  readonly record: (cache: EventSubject, event: CacheEvent, now: number) => Promise<void>;
  readonly isRecorded: (cache: EventSubject, event: CacheEvent) => Promise<boolean>;
};

/** The verbs over a connection to the API server. Of a cluster that is limited to some namespaces, caches elsewhere are as good as absent. */
export function createCluster(api: Api, namespaces: Namespaces = [], log?: Pick<Logger, 'warn'>): Cluster {
  const onUnreadable = logOnce(log);
  const readNode = byMetadataIfUnreadable('Node', parseNode, onUnreadable);
  const readJob = byMetadataIfUnreadable('Job', parseJob, onUnreadable);
  const readPod = byMetadataIfUnreadable('Pod', parsePod, onUnreadable);
  const readNodes = () => byMetadataIfUnreadable('Node', nodeReader(), onUnreadable);
  const readPods = () => byMetadataIfUnreadable('Pod', podReader(), onUnreadable);
  const listCaches = async (): Promise<CacheListing> => {
    const path = pathsWithin(namespaces, paths.caches);
    const all = await listItemsAt(api, path, { limit: 50, parse: cacheOrUnreadable });
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
    listCaches,
    cacheOf: async (object) => {
      const isOurs = isWithin(namespaces, object.namespace) && ['Job', 'Pod'].includes(object.kind);
      return isOurs ? find(() => paths.object(object), cacheOfObject) : undefined;
    },
    node: async (name) => find(() => paths.node(name), readNode),
    nodes: async () => listItems(api, paths.nodes, { limit: 100, parse: readNodes() }),
    job: async (namespace, name) => find(() => paths.job(namespace, name), readJob),
    jobs: async (namespace, selector) =>
      listItems(api, paths.jobs(namespace), { limit: 100, parse: readJob, selector, isMetadata: true }),
    jobsInFull: async (namespace, selector) =>
      listItems(api, paths.jobs(namespace), { limit: 50, parse: readJob, selector }),
    jobsBut: async (cacheUids) =>
      listItemsAt(api, pathsWithin(namespaces, paths.jobs), {
        limit: 100,
        parse: readJob,
        selector: `${managerSelector},${pullSelector}${notOf(cacheUids)}`,
        isMetadata: true,
      }),
    removals: async (namespace) =>
      listItems(api, paths.jobs(namespace), { limit: 250, parse: readJob, selector: removalSelector }),
    pod: async (namespace, name) => find(() => paths.pod(namespace, name), readPod),
    pods: async (namespace, selector) =>
      listItems(api, paths.pods(namespace), { limit: 25, parse: readPods(), selector }),
    pullSecret: async (namespace, name) => parsePullSecret(await get(() => paths.secret(namespace, name))),
    podRefusals: async (namespace, jobs) => podRefusals(api, namespace, jobs),
    userOf: async (namespace) => userOfNamespace(api, namespace),
    writeStatus: async (cache, status) => writeStatus(api, cache, status),
    removeAnnotations: async (cache, values) => removeAnnotations(api, cache, values),
    createJob: async (job) => createJob(api, job),
    deleteJob: async (namespace, job) => removeJob(api, namespace, job),
    patchNode: async (name, patch) => patchNode(api, name, patch),
    setFinalizer: async (cache, change) => setFinalizer(api, cache, change),
    record: async (cache, event, now) => record(api, cache, event, now),
    isRecorded: async (cache, event) => isRecorded(api, cache, event),
  };
}

/** Caches that a selector names at most: each takes 37 characters of the URL. */
const mostNamed = 100;

const notOf = (cacheUids: readonly string[]): string =>
  cacheUids.length === 0 ? '' : `,${labels.cacheUid} notin (${cacheUids.slice(0, mostNamed).join()})`;

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

async function removeAnnotations(api: Api, cache: ImageCache, values: Readonly<Record<string, string>>): Promise<void> {
  const body = Object.entries(values).flatMap(([key, value]) => {
    const path = `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return [
      { op: 'test', path, value },
      { op: 'remove', path },
    ];
  });
  await api.request({ method: 'PATCH', path: paths.cache(cache), contentType: 'application/json-patch+json', body });
}

/** Another Job under the name is not ours to delete: its uid differs, and that is a conflict. */
async function removeJob(api: Api, namespace: string, { name, uid }: JobToDelete): Promise<void> {
  const body = { propagationPolicy: 'Background', preconditions: { uid } };
  try {
    await api.request({ method: 'DELETE', path: paths.job(namespace, name), body });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function patchNode(api: Api, name: string, body: readonly JsonPatchOperation[]): Promise<void> {
  await api.request({ method: 'PATCH', path: paths.node(name), contentType: 'application/json-patch+json', body });
}
