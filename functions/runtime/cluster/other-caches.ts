import { labels, managerSelector, pullSelector } from '#model/cache/api.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { type OtherRegistryUse, possibleUse, type RegistryUse, type RegistryUses } from '#model/cache/registry-use.ts';
import type { Settings } from '#model/cache/settings.ts';
import { namesCredentials } from '#model/desired/access.ts';
import { parsePod } from '#model/job/parse-pod.ts';
import type { LivePull } from '#model/start/node-busy.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';
import { ApiError } from '#runtime/errors.ts';

type LivePullList = {
  readonly pulls: readonly LivePull[];
  /** The number of this listing, in the order in which they were begun. */
  readonly begun: number;
};

/** Milliseconds after which the Pod of a Job is listed, or the Job was not created. */
const reservation = 30_000;

const notEnded = 'status.phase!=Succeeded,status.phase!=Failed';

type Reservation = LivePull & {
  readonly until: number;
  /** The last listing that was begun before this Job's Pod was listed, or its result recorded: later ones have the Pod if it runs. */
  readonly countedTo: number;
};

/** Which Pods take the slots of nodes, in all namespaces that this process may see. */
export function livePulls(api: Api, namespaces: Namespaces) {
  const reservations = new Map<string, Reservation>();
  let listings = 0;
  const countOnlyInBegun = (key: string): void => {
    const known = reservations.get(key);
    if (known?.countedTo === Infinity) reservations.set(key, { ...known, countedTo: listings });
  };
  const listing = {
    bound: 'page_metadata',
    parse: parsePod,
    fieldSelector: notEnded,
    isMetadata: true,
    isCached: true,
  } as const;
  return {
    /** The pull Pods on these nodes that have not ended, without those of the cache with this uid. */
    read: async (nodeIds: readonly string[] | 'all', butOf: string): Promise<LivePullList> => {
      listings += 1;
      const begun = listings;
      const selector = `${managerSelector},${pullSelector},${labels.cacheUid} notin (${butOf})${onNodes(nodeIds)}`;
      const pods = await listItems(api, pathsWithin(namespaces, paths.pods), { ...listing, selector });
      const pulls = pods.map(({ namespace, jobName: job, nodeId, cacheUid }) => ({ namespace, job, nodeId, cacheUid }));
      for (const pull of pulls) countOnlyInBegun(keyOf(pull));
      return { pulls, begun };
    },
    /** Notes Jobs that this process is about to create, so that decisions for other caches that are made meanwhile count them. */
    reserve: (jobs: readonly PullJob[], now: number): void => {
      for (const job of jobs) {
        const pull = pullOf(job);
        reservations.set(keyOf(pull), { ...pull, until: now + reservation, countedTo: Infinity });
      }
    },
    /** Forgets the Jobs of a cache that are no longer needed: those on nodes that do not pull, and those of these names. */
    release: ({ uid }: ImageCache, pulling: ReadonlySet<string>, ended: ReadonlySet<string>): void => {
      for (const [key, { cacheUid, job, nodeId }] of reservations)
        if (cacheUid === uid && (ended.has(job) || !pulling.has(nodeId))) countOnlyInBegun(key);
    },
    /** The Jobs of this process whose Pods this listing may not have. */
    reserved: ({ begun }: Pick<LivePullList, 'begun'>, now: number): readonly LivePull[] => {
      for (const [key, { until }] of reservations) if (until <= now) reservations.delete(key);
      return [...reservations.values()].filter(({ countedTo }) => begun <= countedTo);
    },
  };
}

/** Maximum number of nodes in one selector: each takes 13 characters of the URL. */
const maxNodes = 200;

const onNodes = (nodeIds: readonly string[] | 'all'): string =>
  nodeIds === 'all' || nodeIds.length > maxNodes ? '' : `,${labels.node} in (${nodeIds.join()})`;

const keyOf = ({ namespace, job }: LivePull): string => `${namespace}/${job}`;

const pullOf = ({ metadata }: PullJob): LivePull => ({
  namespace: metadata.namespace,
  job: metadata.name,
  nodeId: metadata.labels?.[labels.node] ?? '',
  cacheUid: metadata.labels?.[labels.cacheUid] ?? '',
});

type Noting = { readonly settings: Settings; readonly now: number };

type KnownUse = {
  readonly namespace: string;
  /** Whether it pulls with the credentials of nodes alone, whose limits are those of all such caches. */
  readonly isShared: boolean;
  readonly registries: RegistryUses;
  readonly version: number;
  /** Whether this use is planned: it is about to replace the version. */
  readonly isPlanned: boolean;
};

/** Milliseconds between two listings of caches. */
const listingInterval = 30_000;

/** What all caches have used of registries, as far as this process has read or written their statuses. */
export function knownUses(list: () => Promise<readonly ImageCache[]>) {
  const known = new Map<string, KnownUse>();
  let listing: { readonly since: number; readonly done: Promise<void> } | undefined;
  const note = (cache: ImageCache, status: Status, { settings }: Noting): void => {
    const { uid, namespace } = cache;
    const { registries } = status;
    const [version, isPlanned] = [Number(cache.resourceVersion), status !== cache.status];
    // Functions decide about a cache concurrently: a read does not replace what another function has planned for that version.
    const last = known.get(uid);
    if (last !== undefined && (last.version > version || (last.version === version && last.isPlanned && !isPlanned)))
      return;
    known.delete(uid);
    const isShared = !namesCredentials(cache, settings);
    if (Object.keys(registries).length > 0) known.set(uid, { namespace, isShared, registries, version, isPlanned });
  };
  const readAll = async (at: Noting): Promise<void> => {
    for (const each of await unlessForbidden(list)) note(each, each.status, at);
  };
  return {
    /** Remembers the status of a cache that was read, or is about to be written; unless a newer one is known. */
    note,
    /** With budgets, reads the caches that other processes drive, twice a minute at most. */
    read: async (at: Noting): Promise<void> => {
      if (Object.keys(at.settings.registryBudgets).length === 0) return;
      if (listing === undefined || at.now - listing.since >= listingInterval)
        listing = { since: at.now, done: readAll(at) };
      const current = listing;
      try {
        // Concurrent decisions wait as well, or they would use up what others have used already.
        await current.done;
      } catch (error) {
        if (listing === current) listing = undefined;
        throw error;
      }
    },
    /** The registries that rest for other namespaces alone: they may throttle all, and are asked first. */
    doubtful: ({ namespace }: ImageCache, { now }: Noting): ReadonlySet<string> => {
      const others = [...known.values()].filter((other) => other.namespace !== namespace);
      const uses = others.flatMap(({ registries }) => Object.entries(registries));
      return new Set(uses.flatMap(([host, use]) => ((possibleUse(use, now).restsUntil ?? 0) > now ? [host] : [])));
    },
    /** What other caches have used, as far as it is known. */
    ofOthers: (cache: ImageCache, at: Noting): ReadonlyMap<string, OtherRegistryUse> => {
      for (const [uid, { registries }] of known)
        if (Object.values(registries).every((use) => isOver(possibleUse(use, at.now), at.now))) known.delete(uid);
      return useOfOthers(known, cache, at);
    },
  };
}

/** A function that may not list caches counts those that it has driven itself. */
async function unlessForbidden(list: () => Promise<readonly ImageCache[]>): Promise<readonly ImageCache[]> {
  try {
    return await list();
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}

const isOver = (
  { pullsUntil = 0, restsUntil = 0, waitsUntil = 0, triedUntil = 0 }: RegistryUse,
  now: number,
): boolean => [pullsUntil, restsUntil, waitsUntil, triedUntil].every((time) => time <= now);

function useOfOthers(
  known: ReadonlyMap<string, KnownUse>,
  cache: ImageCache,
  { settings, now }: Noting,
): ReadonlyMap<string, OtherRegistryUse> {
  const isShared = !namesCredentials(cache, settings);
  const uses = new Map<string, OtherRegistryUse & { readonly pulls: Map<string, number> }>();
  for (const [uid, other] of known) {
    if (uid === cache.uid) continue;
    for (const [host, stored] of Object.entries(other.registries)) {
      const found = foundIn(possibleUse(stored, now), { other, isShared, namespace: cache.namespace, now });
      if (found === undefined) continue;
      const { pulls = new Map<string, number>(), pullsUntil = 0, rest, triedUntil = 0 } = uses.get(host) ?? {};
      pulls.set(other.namespace, (pulls.get(other.namespace) ?? 0) + found.pulls);
      uses.set(host, {
        pulls,
        pullsUntil: Math.max(pullsUntil, found.pullsUntil) || undefined,
        rest: (found.rest?.restsUntil ?? 0) > (rest?.restsUntil ?? 0) ? found.rest : rest,
        triedUntil: Math.max(triedUntil, found.triedUntil) || undefined,
      });
    }
  }
  return uses;
}

type Reader = {
  readonly other: KnownUse;
  readonly isShared: boolean;
  readonly namespace: string;
  readonly now: number;
};

/** What one cache has used of a registry, and the rest that it shares; undefined if there is neither, nor nodes that wait. */
function foundIn(
  { pulls, pullsUntil = 0, restsUntil = 0, restSeconds, restsAlone, waitsUntil = 0, triedUntil = 0 }: RegistryUse,
  { other, isShared, namespace, now }: Reader,
) {
  // A rest of one login says nothing about another: a namespace must not stop others by a login that it has used up.
  const restsForAll = other.isShared && !restsAlone;
  const sharesRest = restsUntil > now && (other.namespace === namespace || (isShared && restsForAll));
  const counts = pullsUntil > now;
  // A namespace must not keep others waiting by a pull that does not end.
  const isTried = triedUntil > now && other.namespace === namespace;
  if (!counts && !sharesRest && !isTried && waitsUntil <= now) return undefined;
  return {
    pulls: counts ? pulls : 0,
    pullsUntil: counts ? pullsUntil : 0,
    triedUntil: isTried ? triedUntil : 0,
    rest: sharesRest ? { restsUntil, restSeconds, restsAlone: !restsForAll } : undefined,
  };
}
