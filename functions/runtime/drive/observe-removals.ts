import { labels, removalSelector } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Node } from '#model/node/node.ts';
import { isFailingToPull, isJobEnded, type Pod, type JobView, type Job } from '#model/job/job.ts';
import { isRecent } from '#model/job/job-times.ts';
import { type Names, noObservedRemovals, type ObservedRemovals } from '#model/observed.ts';
import type { CacheListing } from '#runtime/cluster/objects.ts';
import type { Context } from '#runtime/handler.ts';
import { jobViews } from './job-views.ts';

type Nodes = ReadonlyMap<string, Node | undefined>;
type NodesAndRemovals = { readonly nodes: Nodes; readonly removals: ObservedRemovals };

/**
 * What a pull must know of removals: which of other caches are in progress, and which listed images may be gone. The removals of
 * the cache itself are in its status, which records their end two seconds before the Job does.
 */
export async function observeOtherRemovals(
  cache: ImageCache,
  nodes: Nodes,
  { cluster, settings, now }: Context,
): Promise<NodesAndRemovals> {
  const jobs = await cluster.removals(settings.namespace);
  const named = referencesByNode(jobs.filter((job) => isRecent(job, now())));
  return {
    nodes: withoutRemovedImages(nodes, named),
    removals: { ...noObservedRemovals, inProgress: inProgressOf(jobs, cache) },
  };
}

const inProgressOf = (jobs: readonly Job[], cache: ImageCache): ObservedRemovals['inProgress'] =>
  referencesByNode(jobs.filter((job) => job.cacheUid !== cache.uid && !isJobEnded(job)));

function referencesByNode(jobs: readonly Job[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byNode = new Map<string, Set<string>>();
  for (const { nodeId, removes } of jobs) {
    const references = byNode.get(nodeId) ?? new Set();
    for (const reference of removes) references.add(normalisedReference(reference));
    byNode.set(nodeId, references);
  }
  return byNode;
}

const withoutRemovedImages = (nodes: Nodes, named: ReadonlyMap<string, ReadonlySet<string>>): Nodes =>
  new Map([...nodes].map(([name, node]) => [name, withoutRemoved(node, named)]));

/** The node without the images that a removal Job names: a kubelet updates its list late, and the Job is kept until then. */
function withoutRemoved(node: Node | undefined, named: ReadonlyMap<string, ReadonlySet<string>>): Node | undefined {
  const gone = node === undefined ? undefined : named.get(node.id);
  if (node === undefined || gone === undefined) return node;
  const images = new Set([...node.images].filter((image) => !gone.has(image)));
  // What may be removed is not believed to be there, and has not been lost either.
  return images.size === node.images.size ? node : { ...node, images, isImageListComplete: false };
}

/**
 * Everything that the removals of a cache depend on, and the nodes without images that may be gone, since a removal also
 * decides what is to be pulled again. `pullPods` are the cache's own pull Pods, `caches` are all caches.
 */
export async function observeRemovals(
  cache: ImageCache,
  nodes: Nodes,
  pullPods: readonly Pod[],
  caches: CacheListing,
  context: Context,
): Promise<NodesAndRemovals> {
  const { cluster, settings, now } = context;
  const [jobs, pods, serviceAccountName] = await Promise.all([
    cluster.removals(settings.namespace),
    cluster.pods(settings.namespace, `${labels.cacheUid}=${cache.uid},${removalSelector}`),
    accountOfRemovals(context),
  ]);
  const own = jobs.filter(({ cacheUid }) => cacheUid === cache.uid);
  const removals = {
    jobs: await jobViews(own, pods, context),
    hasAll: true,
    goneJobs: new Set<string>(),
    pullPods: pullPods.filter(isRunning),
    otherCaches: [...caches.caches, ...caches.unreadable.map(({ placeholder }) => placeholder)].filter(
      ({ uid }) => uid !== cache.uid,
    ),
    inProgress: inProgressOf(jobs, cache),
    serviceAccountName,
  };
  return { nodes: withoutRemovedImages(nodes, referencesByNode(jobs.filter((job) => isRecent(job, now())))), removals };
}

/** The configured account where it exists: kube-fledged needs it only in the namespaces of caches, and removal Jobs run in ours. */
async function accountOfRemovals({ cluster, settings, log }: Context): Promise<string> {
  const { namespace, serviceAccountName } = settings;
  if (serviceAccountName === '' || (await cluster.hasServiceAccount(namespace, serviceAccountName)))
    return serviceAccountName;
  log.debug({ namespace, serviceAccountName }, 'removal Pods run as the default service account');
  return '';
}

/** A finished Pod stays for a while, one of a retained Job for long, also if it backs off. */
const isRunning = ({ phase, containers }: Pod): boolean =>
  phase !== 'Succeeded' &&
  phase !== 'Failed' &&
  !(containers.length > 0 && containers.every((each) => each.state === 'terminated' || isFailingToPull(each)));

/** Reads only the removal Jobs that changed, each with its Pod. */
export async function observeRemovalsChanged(
  cache: ImageCache,
  { jobs, pods }: Names,
  context: Context,
): Promise<ObservedRemovals> {
  const names = new Set([...jobs, ...pods.map((pod) => pod.replace(/-[a-z0-9]{5}$/, ''))]);
  const read = await Promise.all([...names].map(async (name) => readRemoval(cache, name, context)));
  return {
    ...noObservedRemovals,
    jobs: new Map(read.flatMap(({ views }) => [...views])),
    goneJobs: new Set(read.flatMap(({ gone }) => gone)),
  };
}

type Read = { readonly views: ReadonlyMap<string, JobView>; readonly gone: readonly string[] };

async function readRemoval(cache: ImageCache, name: string, context: Context): Promise<Read> {
  const { cluster, settings } = context;
  const selector = `${labels.cacheUid}=${cache.uid},${removalSelector},job-name=${name}`;
  const [pod] = await cluster.pods(settings.namespace, selector);
  if (pod !== undefined) return { views: new Map([[name, { job: undefined, pod }]]), gone: [] };
  const job = await cluster.job(settings.namespace, name);
  if (job === undefined) return { views: new Map(), gone: [name] };
  const isOurs = job.cacheUid === cache.uid && job.isRemoval;
  return { views: isOurs ? await jobViews([job], [], context) : new Map<string, JobView>(), gone: [] };
}
