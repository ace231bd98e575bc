import type { ImagesFrom } from '#model/cache/found-images.ts';
import { type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import { selectorText } from '#model/cache/label-selector.ts';
import { findsImages, ownLists, withFound } from '#model/cache/with-found.ts';
import { serviceAccountOf } from '#model/desired/access.ts';
import { findImages, foundInTurn, type Reading, type Readings } from '#model/desired/find-images.ts';
import { isFromKubeFledged, mayOpen, nextRound } from '#model/round/next-round.ts';
import type { SourceKind } from '#model/workload/image-sources.ts';
import { boundTable } from '#runtime/bounds.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import type { World } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';

/** Returns the cache with the images that workloads name now. */
export type ReadFoundImages = (cache: ImageCache) => Promise<ImageCache>;

/**
 * Whether a drive has to read workloads: also before it opens a round for a new spec, as the status has the images of the
 * former one.
 */
export function needsFoundImages(cache: ImageCache, opens: World['opens'], now: number): boolean {
  if (opens.includes('Workloads')) return true;
  const request = nextRound(cache, now);
  return request?.trigger === 'Spec' && mayOpen(request, opens);
}

/** Reads the workloads of a cache once for each spec, as a drive may decide several times. */
export function readFoundImages(context: Context): ReadFoundImages {
  let read: { readonly generation: number; readonly readings: Readings } | undefined;
  return async (cache) => {
    if (!readsWorkloads(cache)) return cache;
    const { generation } = cache;
    if (read?.generation !== generation) read = { generation, readings: await readingsOf(cache, context) };
    const { limits, workloadRoundInterval: interval } = context.settings;
    const now = context.now();
    const found = findImages(cache, { readings: read.readings, limits, now });
    const inTurn = foundInTurn(cache, found, { interval, now });
    return inTurn === cache.found ? cache : withFound(cache, inTurn);
  };
}

/** Not for a cache that pulls nothing: it is deleted, suspended, or purged and not edited since. */
function readsWorkloads(cache: ImageCache): boolean {
  if (!findsImages(cache.spec)) return false;
  const isEmptied = isPurged(cache) && cache.status.observedGeneration === cache.generation;
  return !cache.isBeingDeleted && !cache.spec.suspend && !isEmptied && !isFromKubeFledged(cache);
}

async function readingsOf(cache: ImageCache, context: Context): Promise<Readings> {
  const lists: Reading[] = [];
  let left: number = boundTable.cache_workloads.limit;
  for (const [list, { imagesFrom }] of ownLists(cache.spec).entries()) {
    if (imagesFrom === undefined) continue;
    const reading = await readList(cache, { list, imagesFrom, left }, context);
    left -= reading.sources.length;
    lists.push(reading);
  }
  const account = serviceAccountOf(cache, context.settings);
  return { ...(await withAccounts(cache, lists, context)), account: account === '' ? 'default' : account };
}

type ListToRead = { readonly list: number; readonly imagesFrom: ImagesFrom; readonly left: number };

async function readList(
  { namespace }: ImageCache,
  { list, imagesFrom: { kinds, selector }, left }: ListToRead,
  context: Context,
): Promise<Reading> {
  const reading = { list, sources: [], isComplete: true, problems: [] };
  let all: Reading = reading;
  for (const name of new Set(kinds)) {
    const kind = context.settings.workloadKinds.find((each) => each.kind === name);
    const next =
      kind === undefined
        ? { ...reading, isComplete: false, problems: [notEnabled(name)] }
        : await readKind(
            { namespace, kind, selector: selectorText(selector), most: left - all.sources.length },
            context,
          );
    all = {
      list,
      sources: [...all.sources, ...next.sources],
      isComplete: all.isComplete && next.isComplete,
      problems: [...all.problems, ...next.problems],
    };
  }
  return all;
}

const notEnabled = (kind: string): string => `The setting WORKLOAD_KINDS does not allow to read kind ${kind}`;

type KindToRead = {
  readonly namespace: string;
  readonly kind: SourceKind;
  readonly selector: string;
  readonly most: number;
};
type ReadKind = Pick<Reading, 'sources' | 'isComplete' | 'problems'>;

async function readKind({ namespace, kind, selector, most }: KindToRead, { cluster }: Context): Promise<ReadKind> {
  try {
    const { sources, unreadable } = await cluster.imageSources(namespace, kind, { selector, most: Math.max(0, most) });
    const isAll = sources.length + unreadable <= most;
    const limit = boundTable.cache_workloads.limit;
    const problems = [
      ...(isAll ? [] : [`More than ${limit} workloads match, of which ${limit} are read: select fewer by labels`]),
      ...(unreadable === 0 ? [] : [`${unreadable} objects of kind ${kind.kind} have no readable Pod template`]),
    ];
    return { sources: sources.slice(0, Math.max(0, most)), isComplete: isAll && unreadable === 0, problems };
  } catch (error) {
    const problem = refusalOf(error, `${kind.plural} in namespace ${namespace}`, kind.kind);
    if (problem === undefined) throw error;
    return { sources: [], isComplete: false, problems: [problem] };
  }
}

/** Why something cannot be read for as long as nobody changes it; undefined for other errors. */
function refusalOf(error: unknown, what: string, kind: string): string | undefined {
  if (isNotFound(error)) return `The cluster has no kind ${kind}`;
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
