import { labels, pullSelector } from '#model/cache/api.ts';
import { type ImageCache, isRoundOpen } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import type { Notice, ObjectReference } from '#model/cache/cloud-event.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import { type Names, nothingObserved, type Observed, type Query } from '#model/observed.ts';
import { RetryLater } from '#runtime/errors.ts';
import { labelSelectorOf } from '#model/desired/node-selector.ts';
import { isKnownRefused, refusedLimit } from '#model/round/suspend.ts';
import { isFromKubeFledged, mayOpen, nextRound } from '#model/round/next-round.ts';
import type { Pod } from '#model/job/job.ts';
import type { World } from '#model/world.ts';
import type { CacheVersion, NodeListing } from '#runtime/cluster/nodes.ts';
import type { CacheListing } from '#runtime/cluster/objects.ts';
import type { Context } from '#runtime/handler.ts';
import { jobViews } from './job-views.ts';
import { observeChanged } from './observe-changed.ts';
import { observeRemovals, observeRemovalsChanged, observeOtherRemovals } from './observe-removals.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** What was read, and the listing that its nodes are from, if they are all from one. */
export type Observation = Observed & { readonly nodeListing?: NodeListing | undefined };

/** Who asks, and for what a decision may be made. */
type Caller = Pick<World, 'opens' | 'makes'> & {
  /** Whether Nodes may be some seconds old; default no. */
  readonly sharesNodes?: boolean;
};

/** Reads what a decision on this cache needs. Opening a round, adopting and suspending need everything. */
export async function observe(
  cache: ImageCache,
  query: Query,
  caller: Caller,
  context: Context,
  known?: Observation,
): Promise<Observation> {
  if (isToRefuse(cache, caller, context)) return observeJobs(cache, context);
  const needed = needsEverything(cache, caller.opens, context) ? 'everything' : query;
  if (needed === 'same' && known !== undefined) return withoutJobs(known);
  const names = needed === 'pending' ? noNames : typeof needed === 'object' ? needed : undefined;
  if (caller.makes === 'removals')
    return names === undefined
      ? observeForRemoval(cache, caller.sharesNodes === true, context)
      : { ...nothingObserved, removals: await observeRemovalsChanged(cache, names, context) };
  const seen =
    names === undefined
      ? await observeEverything(cache, nodesOf(cache, caller.sharesNodes === true, context), context)
      : await observeChanged(cache, names, context);
  // A node may start in this decision: then removals by other caches must be known.
  const mayStart = names === undefined || names.nodes.length > 0 || [...seen.nodes.keys()].some(mayGetJob(cache));
  return mayStart ? { ...seen, ...(await observeOtherRemovals(cache, seen.nodes, context)) } : seen;
}

const noNames: Names = { nodes: [], jobs: [], pods: [] };

/** What still holds after a plan was carried out: Jobs changed. Nodes did not, but more may have joined, and be in the status by now. */
const withoutJobs = (known: Observation): Observation => ({
  ...known,
  hasAllNodes: false,
  jobs: new Map(),
  hasAllJobs: false,
  goneJobs: new Set(),
});

/** Whether all that is left to do for a cache that exceeds a limit is to say so, and to delete its Jobs. */
const isToRefuse = (
  cache: ImageCache,
  { opens, makes }: Pick<World, 'opens' | 'makes'>,
  { settings, now }: Context,
): boolean =>
  makes === 'pulls' &&
  opens.includes('Spec') &&
  !cache.isBeingDeleted &&
  !mayHoldNodes(cache, settings) &&
  refusedLimit(cache, settings.limits, now()) !== undefined;

/** Nodes that the cache holds are released when it is refused. */
const mayHoldNodes = ({ spec, namespace }: ImageCache, { warmGateNamespaces }: Context['settings']): boolean =>
  spec.warmGate !== undefined && warmGateNamespaces.includes(namespace);

/** No Nodes: of a cache that is edited without end they would be listed without end. */
async function observeJobs(cache: ImageCache, context: Context): Promise<Observed> {
  const jobs = await context.cluster.jobs(cache.namespace, pullJobSelector(cache));
  return {
    ...nothingObserved,
    jobs: new Map(jobs.map((job) => [job.name, { job, pod: undefined }])),
    hasAllJobs: true,
  };
}

const mayGetJob =
  ({ status }: ImageCache) =>
  (name: string): boolean => {
    const state = ownEntry(status.nodes, name)?.state;
    return state !== 'Pulling' && state !== 'Ready';
  };

async function observeForRemoval(cache: ImageCache, sharesNodes: boolean, context: Context): Promise<Observation> {
  const pods = await context.cluster.pods(cache.namespace, pullJobSelector(cache));
  const read = nodesAndCaches(cache, sharesNodes, context);
  const seen = await observeEverything(
    cache,
    read.then(({ nodes }) => nodes),
    context,
    pods,
  );
  const { caches } = await read;
  return { ...seen, ...(await observeRemovals(cache, seen.nodes, pods, caches, context)) };
}

/**
 * Caches after Nodes: an image that has moved from one cache to another is seen in one of them. A node may have got a label since
 * Nodes were listed for others, by which one of the caches has pulled images there: then both are listed again.
 */
async function nodesAndCaches(
  cache: ImageCache,
  sharesNodes: boolean,
  context: Context,
): Promise<{ readonly nodes: NodesRead; readonly caches: CacheListing }> {
  const nodes = await nodesOf(cache, sharesNodes, context);
  const caches = await context.cluster.listCaches();
  const isCovered = ({ listing }: NodesRead, version: CacheVersion): boolean => listing?.covers(version) === true;
  if (!sharesNodes || [...caches.caches, ...caches.unreadable].every((each) => isCovered(nodes, each)))
    return { nodes, caches };
  return nodesAndCaches(cache, false, context);
}

function needsEverything(cache: ImageCache, opens: World['opens'], { settings, now }: Context): boolean {
  if (opens.length === 0 || isKnownRefused(cache, settings.limits, now())) return false;
  const request = nextRound(cache, now());
  if (request !== undefined) return mayOpen(request, opens);
  const isToEnd = cache.spec.suspend && isRoundOpen(cache.status);
  return (isFromKubeFledged(cache) && opens.includes('Adopted')) || (isToEnd && opens.includes('Spec'));
}

type NodesRead = { readonly nodes: readonly Node[]; readonly listing?: NodeListing };

/** `pods`: the cache's pull Pods, if they were listed. */
async function observeEverything(
  cache: ImageCache,
  nodesRead: Promise<NodesRead>,
  context: Context,
  pods?: readonly Pod[],
): Promise<Observation> {
  const { cluster } = context;
  const selector = pullJobSelector(cache);
  const [{ nodes, listing }, jobs, runAsUser] = await Promise.all([
    nodesRead,
    cluster.jobs(cache.namespace, selector),
    cluster.userOf(cache.namespace),
  ]);
  const read = pods ?? (jobs.length === 0 ? [] : await cluster.pods(cache.namespace, selector));
  return {
    ...nothingObserved,
    nodes: new Map(nodes.map((node) => [node.name, node])),
    hasAllNodes: true,
    nodeListing: listing,
    jobs: await jobViews(jobs, read, context),
    hasAllJobs: true,
    runAsUser,
  };
}

/** Maximum number of characters of a selector, and of selectors: more is one listing of all nodes. */
const maxSelector = 2_000;
const maxSelectors = 4;

/** All nodes; of a cache that has had none yet those that it may select, as a small cache need not wait until thousands are listed. */
async function nodesOf(cache: ImageCache, isShared: boolean, { cluster, now }: Context): Promise<NodesRead> {
  const selectors = isShared || hasHadNodes(cache) ? [] : [...new Set(cache.spec.lists.map(labelSelectorOf))];
  const isShort = selectors.every((each) => each !== '' && each.length <= maxSelector);
  if (selectors.length === 0 || selectors.length > maxSelectors || !isShort) {
    const listing = await cluster.nodesSince(now(), isShared ? cache : undefined);
    return { nodes: listing.nodes, listing };
  }
  return { nodes: (await Promise.all(selectors.map((each) => cluster.nodes(each)))).flat() };
}

/** Whether there may be nodes that its lists no longer select, or never did. */
const hasHadNodes = ({ spec, status, discardedFormat }: ImageCache): boolean =>
  discardedFormat !== undefined ||
  status.status !== '' ||
  status.observedGeneration !== undefined ||
  spec.warmGate !== undefined;

const pullJobSelector = ({ uid }: ImageCache): string => `${labels.cacheUid}=${uid},${pullSelector}`;

/**
 * What to read after a notice: everything if it does not name what changed. `now` is in epoch milliseconds. Throws
 * `RetryLater` for a large cache that a source has just found, in case the process that wrote it has ended since.
 */
export function queryFor(notice: Notice, cache: ImageCache, now: number): Query {
  if (notice.type === 'tick') return 'everything';
  if (notice.object.kind !== 'ImageCache') return notice.changed === undefined ? 'everything' : namesIn(notice.changed);
  const mayBeLost =
    notice.changed === undefined || (notice.isRemoval !== true && (notice.verb === 'add' || hasOpenWork(cache)));
  if (!mayBeLost) return 'pending';
  if (!isBusy(cache, now)) return 'everything';
  if (notice.verb === 'add')
    throw new RetryLater(`${cache.namespace}/${cache.name} may be in progress elsewhere`, busyFor(cache, now));
  return 'pending';
}

/** Names by kind. */
export function namesIn(objects: readonly ObjectReference[]): Names {
  const named = (kind: string): readonly string[] => [
    ...new Set(objects.filter((object) => object.kind === kind).map(({ name }) => name)),
  ];
  return { nodes: named('Node'), jobs: named('Job'), pods: named('Pod') };
}

/** Nodes from which on a cache is large: to observe all of it costs the API server many megabytes. */
const large = 100;

/** Milliseconds since the last write of the status, which a large cache gets every 5 s while it is driven. Clocks may differ either way. */
const recently = 15_000;

/** Whether another delivery is working on a large cache: observing everything would only cause conflicts, and the next tick follows. */
export function isBusy({ status, statusWrittenAt = 0 }: ImageCache, now: number): boolean {
  return Object.keys(status.nodes).length >= large && Math.abs(now - statusWrittenAt) < recently;
}

/** Milliseconds until it counts as left alone, unless its status is written again. */
const busyFor = ({ statusWrittenAt = 0 }: ImageCache, now: number): number =>
  Math.max(1000, statusWrittenAt + recently - now);

/** Whether Jobs exist or should exist. */
export const hasOpenWork = (cache: ImageCache): boolean =>
  cache.status.status === 'Processing' || Object.values(cache.status.nodes).some(isUnsettled);
