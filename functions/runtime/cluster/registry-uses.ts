import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { possibleUse, type RegistryUse, type RegistryUses, type OtherRegistryUse } from '#model/cache/registry-use.ts';
import { namesCredentials } from '#model/desired/access.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Settings } from '#model/cache/settings.ts';

/** What all caches have used of registries, as far as this process has read or written their statuses. */
export type KnownUses = {
  /** Remembers the status of a cache that was read, or is about to be written; unless a newer one is known. */
  readonly note: (cache: ImageCache, status: Status, at: Noting) => void;
  /** With budgets, reads the caches that other processes drive, twice a minute at most. */
  readonly read: (at: Noting) => Promise<void>;
  /** The registries that rest for other namespaces alone: they may throttle all, and are asked first. */
  readonly doubtful: (cache: ImageCache, at: Noting) => ReadonlySet<string>;
  /** What other caches have used, as far as it is known. */
  readonly ofOthers: (cache: ImageCache, at: Noting) => ReadonlyMap<string, OtherRegistryUse>;
};

type Noting = { readonly settings: Settings; readonly now: number };

type Known = {
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

export function knownUses(list: () => Promise<readonly ImageCache[]>): KnownUses {
  const known = new Map<string, Known>();
  let listing: { readonly since: number; readonly done: Promise<void> } | undefined;
  const note: KnownUses['note'] = (cache, status, { settings }) => {
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
    note,
    read: async (at) => {
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
    doubtful: ({ namespace }, { now }) => {
      const others = [...known.values()].filter((other) => other.namespace !== namespace);
      const uses = others.flatMap(({ registries }) => Object.entries(registries));
      return new Set(uses.flatMap(([host, use]) => ((possibleUse(use, now).restsUntil ?? 0) > now ? [host] : [])));
    },
    ofOthers: (cache, at) => {
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

const isOver = ({ pullsUntil = 0, restsUntil = 0, waitsUntil = 0 }: RegistryUse, now: number): boolean =>
  pullsUntil <= now && restsUntil <= now && waitsUntil <= now;

function useOfOthers(
  known: ReadonlyMap<string, Known>,
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
      const { pulls = new Map<string, number>(), pullsUntil = 0, rest } = uses.get(host) ?? {};
      pulls.set(other.namespace, (pulls.get(other.namespace) ?? 0) + found.pulls);
      uses.set(host, {
        pulls,
        pullsUntil: Math.max(pullsUntil, found.pullsUntil) || undefined,
        rest: (found.rest?.restsUntil ?? 0) > (rest?.restsUntil ?? 0) ? found.rest : rest,
      });
    }
  }
  return uses;
}

type Reader = { readonly other: Known; readonly isShared: boolean; readonly namespace: string; readonly now: number };

/** What one cache has used of a registry, and the rest that it shares; undefined if there is neither, nor nodes that wait. */
function foundIn(
  { pulls, pullsUntil = 0, restsUntil = 0, restSeconds, restsAlone, waitsUntil = 0 }: RegistryUse,
  { other, isShared, namespace, now }: Reader,
) {
  // A rest of one login says nothing about another: a namespace must not stop others by a login that it has used up.
  const restsForAll = other.isShared && !restsAlone;
  const sharesRest = restsUntil > now && (other.namespace === namespace || (isShared && restsForAll));
  const counts = pullsUntil > now;
  if (!counts && !sharesRest && waitsUntil <= now) return undefined;
  return {
    pulls: counts ? pulls : 0,
    pullsUntil: counts ? pullsUntil : 0,
    rest: sharesRest ? { restsUntil, restSeconds, restsAlone: !restsForAll } : undefined,
  };
}
