import type { Logger } from 'pino';
import { labels, managerSelector, pullSelector, removalSelector } from '#model/cache/api.ts';
import type { CacheReference, ObjectReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Node } from '#model/node/node.ts';
import { nodeReader } from '#model/node/parse-node.ts';
import { parseJob } from '#model/job/parse-job.ts';
import { parsePod, podReader } from '#model/job/parse-pod.ts';
import type { Pod, Job } from '#model/job/job.ts';
import type { SourceKind } from '#model/workload/image-sources.ts';
import type { Api } from '#runtime/api/api.ts';
import type { EventSubject } from './cache-event-object.ts';
import { cacheOfObject } from './cache-of-object.ts';
import { find } from './find.ts';
import { livePulls, type LivePulls } from './live-pulls.ts';
import { logUnreadable } from './log-unreadable.ts';
import { nodesNamed } from './nodes-named.ts';
import { listItems, listVersion } from '#runtime/api/list-items.ts';
import { isWithin, type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';
import { parsePullSecret } from './parse-pull-secret.ts';
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
import { isRecorded } from './record-event.ts';
import { knativeImages, type KnativeImages } from './knative-images.ts';
import { knownUses, type KnownUses } from './registry-uses.ts';
import { sharedNodes, type Deciding } from './shared-nodes.ts';
import {
  byMetadataIfUnreadable,
  cacheOrUnreadable,
  isUnreadable,
  readableCache,
  type CacheListing,
} from './unreadable.ts';
import { userOfNamespace } from './user-of-namespace.ts';

/** Everything that functions read in the cluster, and Images of Knative, which they also write. */
export type ClusterReads = {
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
  readonly livePulls: LivePulls;
  readonly knownUses: KnownUses;
  readonly knative: KnativeImages;
  readonly isRecorded: (cache: EventSubject, event: CacheEvent) => Promise<boolean>;
};

/** The reads over a connection to the API server. Caches in other namespaces than these count as absent. */
export function clusterReads(api: Api, namespaces: Namespaces, log: Pick<Logger, 'warn'> | undefined): ClusterReads {
  const onUnreadable = logUnreadable(log);
  // One for all reads: many decisions at once hold the same Nodes.
  const readNode = byMetadataIfUnreadable('Node', nodeReader(), onUnreadable);
  const nodeListing = { bound: 'page_nodes', parse: readNode } as const;
  const readJob = byMetadataIfUnreadable('Job', parseJob, onUnreadable);
  const readPod = byMetadataIfUnreadable('Pod', parsePod, onUnreadable);
  const readPods = () => byMetadataIfUnreadable('Pod', podReader(), onUnreadable);
  const listCaches = async (): Promise<CacheListing> => {
    const path = pathsWithin(namespaces, paths.caches);
    const all = await listItems(api, path, { bound: 'page_caches', parse: cacheOrUnreadable });
    return {
      caches: all.filter((cache): cache is ImageCache => !isUnreadable(cache)),
      unreadable: all.filter(isUnreadable),
    };
  };
  return {
    cache: async (reference) =>
      isWithin(namespaces, reference.namespace) ? find(api, () => paths.cache(reference), readableCache) : undefined,
    caches: async () => (await listCaches()).caches,
    knownUses: knownUses(async () => (await listCaches()).caches),
    listCaches,
    cacheOf: async (object) => {
      const isOurs = isWithin(namespaces, object.namespace) && ['Job', 'Pod'].includes(object.kind);
      return isOurs ? find(api, () => paths.object(object), cacheOfObject) : undefined;
    },
    node: async (name) => find(api, () => paths.node(name), readNode),
    nodesNamed: async (names) => nodesNamed(api, names, readNode),
    nodes: async (selector = '') =>
      listItems(api, paths.nodes, { ...nodeListing, ...(selector === '' ? {} : { selector }) }),
    nodesSince: sharedNodes(() => listVersion(api, paths.nodes, nodeListing)),
    job: async (namespace, name) => find(api, () => paths.job(namespace, name), readJob),
    jobs: async (namespace, selector) =>
      listItems(api, paths.jobs(namespace), { bound: 'page_job_metadata', parse: readJob, selector, isMetadata: true }),
    jobsInFull: async (namespace, selector) =>
      listItems(api, paths.jobs(namespace), { bound: 'page_jobs', parse: readJob, selector }),
    jobsBut: async (cacheUids) =>
      listItems(api, pathsWithin(namespaces, paths.jobs), {
        bound: 'page_job_metadata',
        parse: readJob,
        selector: `${managerSelector},${pullSelector}${notOf(cacheUids)}`,
        isMetadata: true,
      }),
    removals: async (namespace) =>
      listItems(api, paths.jobs(namespace), { bound: 'page_removal_jobs', parse: readJob, selector: removalSelector }),
    pod: async (namespace, name) => find(api, () => paths.pod(namespace, name), readPod),
    pods: async (namespace, selector) =>
      listItems(api, paths.pods(namespace), { bound: 'page_pods', parse: readPods(), selector }),
    pullSecret: async (namespace, name) =>
      parsePullSecret(await api.request({ method: 'GET', path: paths.secret(namespace, name) })),
    podRefusals: async (namespace, jobs) => podRefusals(api, namespace, jobs),
    hasServiceAccount: async (namespace, name) => hasServiceAccount(api, namespace, name),
    imageSources: async (namespace, kind, reading) => imageSources(api, { namespace, kind, ...reading }),
    accountSecrets: async (namespace, reading) => accountSecrets(api, { namespace, ...reading }),
    userOf: async (namespace) => userOfNamespace(api, namespace),
    livePulls: livePulls(api, namespaces),
    knative: knativeImages(api, namespaces, log),
    isRecorded: async (cache, event) => isRecorded(api, cache, event),
  };
}

/** Most caches in one selector: each takes 37 characters of the URL. */
const maxExcluded = 100;

const notOf = (cacheUids: readonly string[]): string =>
  cacheUids.length === 0 ? '' : `,${labels.cacheUid} notin (${cacheUids.slice(0, maxExcluded).join()})`;
