import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import { findsImages, withFound, ownLists, ownPullSecrets, type ImagesFrom } from '#model/cache/found-images.ts';
import { findImages, foundToUse } from '#model/found/find-images.ts';
import type { Reading, Readings } from '#model/found/groups.ts';
import { isFromKubeFledged, mayOpen, nextRound } from '#model/round/next-round.ts';
import type { World } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';
import { selectorText } from '#model/cache/spec-schema.ts';
import { serviceAccountOf } from '#model/desired/access.ts';
import { onNodesOf, revisionTemplates, type SourceKind } from '#model/workload/image-sources.ts';
import { deadline } from '#runtime/api/limits.ts';
import { boundTable } from '#runtime/bounds.ts';
import { ApiError, isAnswerTooLarge, isNotFound } from '#runtime/errors.ts';

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
export function readFoundImages(context: Context, readWorkloads: ReadWorkloads = readInTime): ReadFoundImages {
  let read: { readonly generation: number; readonly readings: Readings } | undefined;
  return async (cache) => {
    const now = context.now();
    if (!readsWorkloads(cache, now)) return cache;
    const { generation } = cache;
    if (read?.generation !== generation) read = { generation, readings: await readWorkloads(cache, context) };
    const { limits, workloadRoundInterval: interval } = context.settings;
    const found = findImages(cache, read.readings, limits, now);
    const used = foundToUse(cache, found, interval, now);
    return used === cache.found ? cache : withFound(cache, used);
  };
}

/** Logs that workloads cannot be read, once, and returns the cache with what was found before, unless its spec is new: then that is of another spec. */
export function orKnown(read: ReadFoundImages, { log, signal }: Pick<Context, 'log' | 'signal'>): ReadFoundImages {
  let failed: { readonly generation: number; readonly error: unknown } | undefined;
  return async (cache) => {
    const { generation } = cache;
    try {
      if (failed?.generation === generation) throw failed.error;
      return await read(cache);
    } catch (error) {
      signal.throwIfAborted();
      const isNew = failed?.error !== error;
      failed = { generation, error };
      if (cache.status.observedGeneration !== generation) throw error;
      if (isNew) log.warn({ cache: `${cache.namespace}/${cache.name}`, err: error }, 'workloads could not be read');
      return cache;
    }
  };
}

/** Not for a cache that pulls nothing: it is deleted, suspended, or purged and neither edited nor refreshed since. */
function readsWorkloads(cache: ImageCache, now: number): boolean {
  if (!findsImages(cache.spec)) return false;
  const isEmptied = isPurged(cache) && (nextRound(cache, now)?.operation ?? 'Purge') === 'Purge';
  return !cache.isBeingDeleted && !cache.spec.suspend && !isEmptied && !isFromKubeFledged(cache);
}

/** Reads everything that a cache selects. */
export type ReadWorkloads = (cache: ImageCache, context: Context) => Promise<Readings>;

/** Everything is read within a time, so that a kind that does not answer affects the caches of its workloads only. */
export async function readInTime(cache: ImageCache, context: Context): Promise<Readings> {
  const limit = deadline(boundTable.cache_workload_seconds.limit * 1000, [context.signal]);
  try {
    return await readAll(cache, { ...context, signal: limit.signal });
  } finally {
    limit.clear();
  }
}

async function readAll(cache: ImageCache, context: Context): Promise<Readings> {
  const readList = listReader(kindReader(cache, context));
  const lists: Reading[] = [];
  for (const [list, { imagesFrom }] of ownLists(cache.spec).entries())
    if (imagesFrom !== undefined) lists.push({ list, ...(await readList(imagesFrom)) });
  const own = serviceAccountOf(cache, context.settings);
  const account = own === '' ? 'default' : own;
  return { ...(await withAccounts(lists, { cache, account }, context)), account };
}

type KindRead = Pick<Reading, 'sources' | 'isComplete' | 'problems'>;
type ReadKind = (kind: string, of: Selecting) => Promise<KindRead>;
type Selecting = Pick<ImagesFrom, 'nodes'> & { readonly selector: string };

/** Reads what lists select; those that select the same have one reading. */
function listReader(readKind: ReadKind): (from: ImagesFrom) => Promise<KindRead> {
  const known = new Map<string, KindRead>();
  return async ({ kinds, selector, nodes }) => {
    const text = selectorText(selector);
    const key = JSON.stringify([kinds, text, nodes]);
    const read = known.get(key) ?? joined(await each(kinds, (kind) => readKind(kind, { selector: text, nodes })));
    known.set(key, read);
    return read;
  };
}

async function each(kinds: readonly string[], read: (kind: string) => Promise<KindRead>): Promise<readonly KindRead[]> {
  const all: KindRead[] = [];
  for (const kind of new Set(kinds)) all.push(await read(kind));
  return all;
}

const joined = (all: readonly KindRead[]): KindRead => ({
  sources: all.flatMap(({ sources }) => sources),
  isComplete: all.every(({ isComplete }) => isComplete),
  problems: all.flatMap(({ problems }) => problems),
});

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

async function listKind(
  { namespace, kind, selector, left }: KindToList,
  { cluster, signal }: Context,
): Promise<KindRead> {
  try {
    const most = { workloads: left.workloads, bytes: left.bytes };
    const { sources, bytes, unreadable, exceeded } = await cluster.imageSources(namespace, kind, {
      selector,
      most,
      signal,
    });
    left.workloads -= sources.length + unreadable;
    left.bytes -= bytes;
    const problems = [
      ...(exceeded === undefined ? [] : [exceedance[exceeded]]),
      ...(unreadable === 0 ? [] : [`${unreadable} objects of kind ${kind.kind} have no readable Pod template`]),
    ];
    return { sources, isComplete: exceeded === undefined && unreadable === 0, problems };
  } catch (error) {
    const problem = unreadableReason(error, `${kind.plural} in namespace ${namespace}`, kind.kind);
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

/** Why something cannot be read until it is changed; undefined for other errors. */
function unreadableReason(error: unknown, what: string, kind: string): string | undefined {
  if (isNotFound(error)) return noSuchKind(kind);
  if (isAnswerTooLarge(error)) return `One of the ${what} exceeds ${boundTable.page_bytes.limit} bytes`;
  if (error instanceof ApiError && error.status === 400)
    return `The selector of imagesFrom is invalid: ${error.message}`;
  const isForbidden = error instanceof ApiError && error.status === 403;
  return isForbidden ? `The controller has no right to list ${what}` : undefined;
}

/** Service accounts are read only if Pods take their secrets from them: those of workloads, or pull Pods beside secrets that were found. */
async function withAccounts(
  lists: readonly Reading[],
  { cache, account }: { readonly cache: ImageCache; readonly account: string },
  { cluster, signal }: Context,
): Promise<Omit<Readings, 'account'>> {
  const { namespace } = cache;
  const sources = new Set(lists.flatMap((list) => list.sources));
  const ofWorkloads = [...sources].flatMap(({ pullSecrets, serviceAccount }) =>
    pullSecrets.length === 0 ? [serviceAccount] : [],
  );
  const isAccountUsed = sources.size > 0 && ownPullSecrets(cache.spec).length === 0;
  const names = new Set([...ofWorkloads, ...(isAccountUsed ? [account] : [])]);
  if (names.size === 0) return { lists, accounts: { secrets: new Map(), isComplete: true } };
  try {
    const accounts = await cluster.accountSecrets(namespace, names, signal);
    return { lists: accounts.isComplete ? lists : withProblem(lists, tooManyAccounts), accounts };
  } catch (error) {
    const problem = unreadableReason(error, `serviceaccounts in namespace ${namespace}`, 'ServiceAccount');
    if (problem === undefined) throw error;
    return { lists: withProblem(lists, problem), accounts: { secrets: new Map(), isComplete: false } };
  }
}

const tooManyAccounts = `More than ${boundTable.cache_accounts.limit} service accounts or ${mostBytes.limit} bytes of their pull secrets would have to be read: name secrets in the templates and in spec.imagePullSecrets`;

const withProblem = ([first, ...rest]: readonly Reading[], problem: string): readonly Reading[] =>
  first === undefined ? rest : [{ ...first, problems: [...first.problems, problem] }, ...rest];
