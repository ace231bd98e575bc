import type { ImagesFrom } from '#model/cache/found-images.ts';
import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import { selectorText } from '#model/cache/label-selector.ts';
import { findsImages, ownLists, withFound } from '#model/cache/with-found.ts';
import { serviceAccountOf } from '#model/desired/access.ts';
import { findImages, foundInTurn, type Reading, type Readings } from '#model/desired/find-images.ts';
import { isFromKubeFledged, mayOpen, nextRound } from '#model/round/next-round.ts';
import { onNodesOf, revisionTemplates, type SourceKind } from '#model/workload/image-sources.ts';
import { boundTable } from '#runtime/bounds.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import type { World } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';

/** Returns the cache with the images that workloads name now. */
export type ReadFoundImages = (cache: ImageCache) => Promise<ImageCache>;

/**
 * Whether a drive has to read workloads: also before it opens a round for a new spec, as the status has the images of the
 * former one, or a refresh of a purged cache, as the status has none.
 */
export function needsFoundImages(cache: ImageCache, opens: World['opens'], now: number): boolean {
  if (opens.includes('Workloads')) return true;
  const request = nextRound(cache, now);
  return request !== undefined && mayOpen(request, opens) && (request.trigger === 'Spec' || isPurged(cache));
}

/** Reads the workloads of a cache once for each spec, as a drive may decide several times. */
export function readFoundImages(context: Context): ReadFoundImages {
  let read: { readonly generation: number; readonly readings: Readings } | undefined;
  return async (cache) => {
    const now = context.now();
    if (!readsWorkloads(cache, now)) return cache;
    const { generation } = cache;
    if (read?.generation !== generation) read = { generation, readings: await readingsOf(cache, context) };
    const { limits, workloadRoundInterval: interval } = context.settings;
    const found = findImages(cache, { readings: read.readings, limits, now });
    const inTurn = foundInTurn(cache, found, { interval, now });
    return inTurn === cache.found ? cache : withFound(cache, inTurn);
  };
}

/** Logs that workloads cannot be read, and returns the cache with what was found before, unless its spec is new: then that is of another spec. */
export const orKnown =
  (read: ReadFoundImages, { log, signal }: Pick<Context, 'log' | 'signal'>): ReadFoundImages =>
  async (cache) => {
    try {
      return await read(cache);
    } catch (error) {
      signal.throwIfAborted();
      if (cache.status.observedGeneration !== cache.generation) throw error;
      log.warn({ cache: `${cache.namespace}/${cache.name}`, err: error }, 'workloads could not be read');
      return cache;
    }
  };

/** Not for a cache that pulls nothing: it is deleted, suspended, or purged and neither edited nor refreshed since. */
function readsWorkloads(cache: ImageCache, now: number): boolean {
  if (!findsImages(cache.spec)) return false;
  const isEmptied = isPurged(cache) && (nextRound(cache, now)?.operation ?? 'Purge') === 'Purge';
  return !cache.isBeingDeleted && !cache.spec.suspend && !isEmptied && !isFromKubeFledged(cache);
}

async function readingsOf(cache: ImageCache, context: Context): Promise<Readings> {
  const readKind = kindReader(cache, context);
  const lists: Reading[] = [];
  for (const [list, { imagesFrom }] of ownLists(cache.spec).entries())
    if (imagesFrom !== undefined) lists.push({ list, ...(await readList(imagesFrom, readKind)) });
  const account = serviceAccountOf(cache, context.settings);
  return { ...(await withAccounts(cache, lists, context)), account: account === '' ? 'default' : account };
}

type KindRead = Pick<Reading, 'sources' | 'isComplete' | 'problems'>;
type ReadKind = (kind: string, of: Selecting) => Promise<KindRead>;
type Selecting = Pick<ImagesFrom, 'nodes'> & { readonly selector: string };

async function readList({ kinds, selector, nodes }: ImagesFrom, readKind: ReadKind): Promise<KindRead> {
  const read: KindRead[] = [];
  for (const kind of new Set(kinds)) read.push(await readKind(kind, { selector: selectorText(selector), nodes }));
  return {
    sources: read.flatMap(({ sources }) => sources),
    isComplete: read.every(({ isComplete }) => isComplete),
    problems: read.flatMap(({ problems }) => problems),
  };
}

/** What may still be read for one cache. */
type Left = { workloads: number; bytes: number; listings: number };

/** Reads what lists select, once where several select the same, within the bounds of a cache. */
function kindReader({ namespace }: ImageCache, context: Context): ReadKind {
  const left: Left = {
    workloads: boundTable.cache_workloads.limit,
    bytes: boundTable.cache_workload_bytes.limit,
    listings: boundTable.cache_workload_listings.limit,
  };
  const known = new Map<string, KindRead>();
  const list = async (kind: SourceKind, selector: string): Promise<KindRead> => {
    const key = `${kind.api} ${kind.kind} ${selector}`;
    const read = known.get(key);
    if (read !== undefined) return read;
    if (left.listings === 0) return unread(tooManyListings);
    left.listings -= 1;
    const listed = await listKind({ namespace, kind, selector, left }, context);
    known.set(key, listed);
    return listed;
  };
  return async (name, { selector, nodes }) => {
    const kind = context.settings.workloadKinds.find((each) => each.kind === name);
    if (kind === undefined) return unread(notEnabled(name));
    const read = await list(kind, selector);
    const isPlaced = kind.template === undefined && nodes === 'AsPods' && read.sources.length > 0;
    return isPlaced ? placed(read, await list(revisionTemplates, '')) : read;
  };
}

/** Images on the nodes of their Revisions. A cluster may have Images without Knative Serving. */
const placed = ({ sources, isComplete, problems }: KindRead, of: KindRead): KindRead => ({
  sources: onNodesOf(sources, of.sources),
  isComplete,
  problems: [...problems, ...of.problems.filter((problem) => problem !== noSuchKind(revisionTemplates.kind))],
});

const unread = (problem: string): KindRead => ({ sources: [], isComplete: false, problems: [problem] });

const notEnabled = (kind: string): string => `The setting WORKLOAD_KINDS does not allow to read kind ${kind}`;

const tooManyListings = `Lists select by more than ${boundTable.cache_workload_listings.limit} kinds and selectors together, of which no more are read`;

type KindToList = {
  readonly namespace: string;
  readonly kind: SourceKind;
  readonly selector: string;
  /** What is read is taken from it. */
  readonly left: Left;
};

async function listKind({ namespace, kind, selector, left }: KindToList, { cluster }: Context): Promise<KindRead> {
  try {
    const most = { workloads: left.workloads, bytes: left.bytes };
    const { sources, bytes, unreadable, exceeded } = await cluster.imageSources(namespace, kind, { selector, most });
    left.workloads -= sources.length + unreadable;
    left.bytes -= bytes;
    const problems = [
      ...(exceeded === undefined ? [] : [exceedance[exceeded]]),
      ...(unreadable === 0 ? [] : [`${unreadable} objects of kind ${kind.kind} have no readable Pod template`]),
    ];
    return { sources, isComplete: exceeded === undefined && unreadable === 0, problems };
  } catch (error) {
    const problem = refusalOf(error, `${kind.plural} in namespace ${namespace}`, kind.kind);
    if (problem === undefined) throw error;
    return unread(problem);
  }
}

const { cache_workloads: mostWorkloads, cache_workload_bytes: mostBytes } = boundTable;

const exceedance = {
  workloads: `More than ${mostWorkloads.limit} workloads match, of which ${mostWorkloads.limit} are read: select fewer by labels`,
  bytes: `Images, secrets and node selectors of the workloads that match exceed ${mostBytes.limit} bytes, of which no more are read: select fewer by labels`,
} as const;

const noSuchKind = (kind: string): string => `The cluster has no kind ${kind}`;

/** Why something cannot be read for as long as nobody changes it; undefined for other errors. */
function refusalOf(error: unknown, what: string, kind: string): string | undefined {
  if (isNotFound(error)) return noSuchKind(kind);
  if (error instanceof ApiError && error.status === 400)
    return `The selector of imagesFrom is invalid: ${error.message}`;
  const isForbidden = error instanceof ApiError && error.status === 403;
  return isForbidden ? `The controller has no right to list ${what}` : undefined;
}

/** Service accounts are read only if Pods take their secrets from them. */
async function withAccounts(
  { namespace }: ImageCache,
  lists: readonly Reading[],
  { cluster }: Context,
): Promise<Omit<Readings, 'account'>> {
  if (lists.every(({ sources }) => sources.length === 0)) return { lists, accounts: new Map() };
  try {
    return { lists, accounts: await cluster.accountSecrets(namespace) };
  } catch (error) {
    const problem = refusalOf(error, `serviceaccounts in namespace ${namespace}`, 'ServiceAccount');
    if (problem === undefined) throw error;
    const [first, ...rest] = lists;
    const withProblem = first && { ...first, problems: [...first.problems, problem] };
    return { lists: withProblem === undefined ? rest : [withProblem, ...rest], accounts: undefined };
  }
}
