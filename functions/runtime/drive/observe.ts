import { labels, pullSelector } from '#model/cache/api.ts';
import { type ImageCache, isRoundOpen } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import { type Observed, noObservedRemovals } from '#model/observed.ts';
import { labelSelectorOf } from '#model/desired/node-selector.ts';
import { isKnownRefused, refusedLimit } from '#model/desired/limits.ts';
import { isFromKubeFledged, mayOpen, nextRound } from '#model/round/next-round.ts';
import type { Pod } from '#model/job/job.ts';
import type { World } from '#model/world.ts';
import type { CacheVersion, NodeListing } from '#runtime/cluster/nodes.ts';
import type { CacheListing } from '#runtime/cluster/objects.ts';
import type { Context } from '#runtime/handler.ts';
import { jobViews } from './job-views.ts';
import { observeChanged } from './observe-changed.ts';
import { observeRemovals, observeRemovalsChanged, observeOtherRemovals } from './observe-removals.ts';
import type { Changed, Scope } from './scope.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** What was read, and the listing that its nodes are from, if they are all from one. */
export type Observation = Observed & { readonly nodeListing?: NodeListing | undefined };

/** Reads what a decision on this cache needs. Opening a round, adopting and suspending need everything. */
export async function observe(
  cache: ImageCache,
  { scope, ...caller }: ObserveRequest,
  context: Context,
): Promise<Observation> {
  if (isToRefuse(cache, caller, context)) return observeJobs(cache, context);
  if (needsEverything(cache, caller.opens, context))
    return observeScope(cache, { scope: 'everything', ...caller }, context);
  return isObserved(scope) ? scope : observeScope(cache, { scope, ...caller }, context);
}

/** Whether all that is left to do for a cache that exceeds a limit is to say so, and to delete its Jobs. */
const isToRefuse = (
  cache: ImageCache,
  { opens, makes }: Pick<World, 'opens' | 'makes'>,
  { settings }: Context,
): boolean =>
  makes === 'pulls' &&
  opens.includes('Spec') &&
  !cache.isBeingDeleted &&
  !mayHoldNodes(cache, settings) &&
  refusedLimit(cache, settings.limits) !== undefined;

/** Nodes that the cache holds are released when it is refused. */
const mayHoldNodes = ({ spec, namespace }: ImageCache, { warmGateNamespaces }: Context['settings']): boolean =>
  spec.warmGate !== undefined && warmGateNamespaces.includes(namespace);

/** No Nodes: of a cache that is edited without end they would be listed without end. */
async function observeJobs(cache: ImageCache, context: Context): Promise<Observed> {
  const jobs = await context.cluster.jobs(cache.namespace, pullJobSelector(cache));
  return {
    nodes: new Map(),
    hasAllNodes: false,
    jobs: new Map(jobs.map((job) => [job.name, { job, pod: undefined }])),
    hasAllJobs: true,
    goneJobs: new Set(),
    removals: noObservedRemovals,
    runAsUser: 0,
  };
}

type ScopeToObserve = Omit<ObserveRequest, 'scope'> & { readonly scope: Scope };

async function observeScope(
  cache: ImageCache,
  { scope, makes, sharesNodes = false }: ScopeToObserve,
  context: Context,
): Promise<Observation> {
  const isAll = scope === 'everything';
  if (makes === 'removals')
    return isAll ? observeForRemoval(cache, sharesNodes, context) : observeOnlyRemovals(cache, scope, context);
  const seen: Omit<Observation, 'removals'> = isAll
    ? await observeEverything(cache, { nodes: nodesOf(cache, sharesNodes, context) }, context)
    : await observeChanged(cache, scope, context);
  const mayStart = isAll || scope.nodes.length > 0 || [...seen.nodes.keys()].some((name) => mayGetJob(cache, name));
  return {
    ...seen,
    ...(mayStart ? await observeOtherRemovals(cache, seen.nodes, context) : { removals: noObservedRemovals }),
  };
}

/** Whether a node may start in this decision: then removals by other caches must be known. */
function mayGetJob({ status }: ImageCache, name: string): boolean {
  const state = ownEntry(status.nodes, name)?.state;
  return state !== 'Pulling' && state !== 'Ready';
}

/** What to observe, or what was observed before and still holds, and what the calling function may do. */
type ObserveRequest = Pick<World, 'opens' | 'makes'> & {
  readonly scope: Scope | Observation;
  /** Whether Nodes may be some seconds old; default no. */
  readonly sharesNodes?: boolean;
};

const isObserved = (scope: Scope | Observation): scope is Observation =>
  typeof scope === 'object' && 'hasAllNodes' in scope;

async function observeForRemoval(cache: ImageCache, sharesNodes: boolean, context: Context): Promise<Observation> {
  const pods = await context.cluster.pods(cache.namespace, pullJobSelector(cache));
  const read = nodesAndCaches(cache, sharesNodes, context);
  const seen = await observeEverything(cache, { nodes: read.then(({ nodes }) => nodes), pods }, context);
  const { caches } = await read;
  return { ...seen, ...(await observeRemovals(cache, { nodes: seen.nodes, pullPods: pods, caches }, context)) };
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

async function observeOnlyRemovals(cache: ImageCache, changed: Changed, context: Context): Promise<Observed> {
  return {
    nodes: new Map(),
    hasAllNodes: false,
    jobs: new Map(),
    hasAllJobs: false,
    goneJobs: new Set(),
    removals: await observeRemovalsChanged(cache, changed, context),
    runAsUser: 0,
  };
}

function needsEverything(cache: ImageCache, opens: World['opens'], { settings, now }: Context): boolean {
  if (opens.length === 0 || isKnownRefused(cache, settings.limits)) return false;
  const request = nextRound(cache, now());
  if (request !== undefined) return mayOpen(request, opens);
  const isToEnd = cache.spec.suspend && isRoundOpen(cache.status);
  return (isFromKubeFledged(cache) && opens.includes('Adopted')) || (isToEnd && opens.includes('Spec'));
}

type NodesRead = { readonly nodes: readonly Node[]; readonly listing?: NodeListing };

/** What the caller lists. */
type Listed = { readonly nodes: Promise<NodesRead>; readonly pods?: readonly Pod[] };

async function observeEverything(
  cache: ImageCache,
  listed: Listed,
  context: Context,
): Promise<Omit<Observation, 'removals'>> {
  const { cluster } = context;
  const selector = pullJobSelector(cache);
  const [{ nodes, listing }, jobs, runAsUser] = await Promise.all([
    listed.nodes,
    cluster.jobs(cache.namespace, selector),
    cluster.userOf(cache.namespace),
  ]);
  const pods = listed.pods ?? (jobs.length === 0 ? [] : await cluster.pods(cache.namespace, selector));
  return {
    nodes: byName(nodes),
    hasAllNodes: true,
    nodeListing: listing,
    jobs: await jobViews(jobs, pods, context),
    hasAllJobs: true,
    goneJobs: new Set(),
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

const byName = (nodes: readonly Node[]): ReadonlyMap<string, Node> => new Map(nodes.map((node) => [node.name, node]));
