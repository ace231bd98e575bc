import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import type { RegistryUse, RegistryUses, UseBeside } from '#model/cache/registry-use.ts';
import { namesCredentials } from '#model/desired/access.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Settings } from '#model/cache/settings.ts';

/** What all caches have used of registries, as far as this process has read or written their statuses. */
export type KnownUses = {
  /** Remembers the status of a cache that was read, or is about to be written. */
  readonly note: (cache: ImageCache, status: Status, at: Noting) => void;
  /** What other caches have used. With budgets, those that other processes drive are read twice a minute at most. */
  readonly beside: (cache: ImageCache, at: Noting) => Promise<ReadonlyMap<string, UseBeside>>;
};

type Noting = { readonly settings: Settings; readonly now: number };

type Known = {
  readonly namespace: string;
  /** Whether it pulls with the credentials of nodes alone, whose limits are those of all such caches. */
  readonly isShared: boolean;
  readonly registries: RegistryUses;
  readonly notedAt: number;
};

/** Milliseconds between two listings of caches. */
const listingInterval = 30_000;

export function knownUses(list: () => Promise<readonly ImageCache[]>): KnownUses {
  const known = new Map<string, Known>();
  let listedAt = -Infinity;
  const note: KnownUses['note'] = (cache, { registries }, { settings, now }) => {
    known.delete(cache.uid);
    if (Object.keys(registries).length === 0) return;
    const isShared = !namesCredentials(cache, settings);
    known.set(cache.uid, { namespace: cache.namespace, isShared, registries, notedAt: now });
  };
  return {
    note,
    beside: async (cache, at) => {
      const { settings, now } = at;
      if (Object.keys(settings.registryBudgets).length > 0 && now - listedAt >= listingInterval) {
        listedAt = now;
        for (const each of await unlessForbidden(list)) {
          // What this process has written meanwhile is newer than the listing.
          if ((known.get(each.uid)?.notedAt ?? -Infinity) < now) note(each, each.status, at);
        }
      }
      for (const [uid, { registries }] of known)
        if (Object.values(registries).every((use) => isOver(use, now))) known.delete(uid);
      return usesBeside(known, cache, at);
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

const isOver = ({ pullsUntil = 0, restsUntil = 0 }: RegistryUse, now: number): boolean =>
  pullsUntil <= now && restsUntil <= now;

function usesBeside(
  known: ReadonlyMap<string, Known>,
  cache: ImageCache,
  { settings, now }: Noting,
): ReadonlyMap<string, UseBeside> {
  const isShared = !namesCredentials(cache, settings);
  const uses = new Map<string, UseBeside>();
  for (const [uid, other] of known) {
    if (uid === cache.uid) continue;
    // A rest of one login says nothing about another: a namespace must not stop others by a login that it has used up.
    const sharesRests = other.namespace === cache.namespace || (isShared && other.isShared);
    for (const [host, { pulls, pullsUntil = 0, restsUntil = 0 }] of Object.entries(other.registries)) {
      const counts = pullsUntil > now ? pulls : 0;
      const rest = sharesRests && restsUntil > now ? restsUntil : 0;
      if (counts === 0 && rest === 0) continue;
      const use = uses.get(host);
      const own = (use?.pulls.get(other.namespace) ?? 0) + counts;
      uses.set(host, {
        pulls: new Map([...(use?.pulls ?? []), [other.namespace, own]]),
        pullsUntil: latest(use?.pullsUntil, pullsUntil),
        restsUntil: latest(use?.restsUntil, rest),
      });
    }
  }
  return uses;
}

const latest = (a: number | undefined, b: number): number | undefined => Math.max(a ?? 0, b) || undefined;
