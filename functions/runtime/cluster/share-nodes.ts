import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import type { Cluster } from './cluster.ts';
import { maxNodesAge } from './shared-nodes.ts';
import type { CacheListing } from './unreadable.ts';

/** All Nodes, and all caches that may need images on them. */
export type NodesAndCaches = { readonly nodes: readonly Node[]; readonly listing: CacheListing };

/** Reads what a decision about the removals of a cache needs. */
export type ReadNodesAndCaches = (cache: Version) => Promise<NodesAndCaches>;

/** A version of a cache. */
type Version = Pick<ImageCache, 'uid' | 'resourceVersion'>;

const keyOf = ({ uid, resourceVersion }: Version): string => `${uid} ${resourceVersion}`;

type Shared = {
  readonly nodes: Promise<readonly Node[]>;
  readonly since: number;
  /** Versions of caches that refer to no newer state of Nodes: read before the listing began, or decided on with it. */
  readonly covered: Set<string>;
};

type Sharing = { readonly cluster: Cluster; readonly now: () => number };

/** A cluster in which removals share a listing of Nodes. */
type Shares = { readonly cluster: Cluster; readonly readNodesAndCaches: ReadNodesAndCaches };

/**
 * Has removals share a listing of Nodes. Each lists the caches: if one of them has a version that the listing does not cover, a node
 * may have got a label since by which that cache has pulled images there, and Nodes are listed again. `listed`: caches that were
 * listed before.
 */
export function shareNodes(listed: CacheListing, { cluster, now }: Sharing): Shares {
  const seen = new Set(versionsIn(listed).map(keyOf));
  let shared: Shared | undefined;
  const begin = (): Shared => {
    const since = now();
    const nodes = cluster.nodesSince({ resourceVersion: undefined, now: since });
    const begun = { nodes, since, covered: new Set(seen) };
    nodes.catch(() => {
      if (shared === begun) shared = undefined;
    });
    shared = begun;
    return begun;
  };
  const current = (): Shared | undefined =>
    shared !== undefined && now() - shared.since <= maxNodesAge ? shared : undefined;
  const readNodesAndCaches: ReadNodesAndCaches = async (cache) => {
    const known = current();
    if (known !== undefined) {
      const nodes = await known.nodes;
      const listing = await cluster.listCaches();
      const versions = [cache, ...versionsIn(listing)].map(keyOf);
      if (versions.every((each) => known.covered.has(each))) return { nodes, listing };
      for (const each of versions) seen.add(each);
    }
    seen.add(keyOf(cache));
    const nodes = await begin().nodes;
    return { nodes, listing: await cluster.listCaches() };
  };
  /** A write follows from a version of the cache and from the Nodes alone that the listing has. */
  const note = ({ uid, resourceVersion }: Version, written: string | undefined): void => {
    if (written === undefined || shared?.covered.has(keyOf({ uid, resourceVersion })) !== true) return;
    for (const covered of [shared.covered, seen]) covered.add(keyOf({ uid, resourceVersion: written }));
  };
  return { cluster: noting(cluster, note), readNodesAndCaches };
}

const versionsIn = ({ caches, unreadable }: CacheListing): readonly Version[] => [...caches, ...unreadable];

/** Calls `note` with each version that a write replaces, and with the new one. */
function noting(cluster: Cluster, note: (cache: ImageCache, written: string | undefined) => void): Cluster {
  const noted =
    <Rest extends readonly unknown[]>(write: (cache: ImageCache, ...rest: Rest) => Promise<string | undefined>) =>
    async (cache: ImageCache, ...rest: Rest): Promise<string | undefined> => {
      const written = await write(cache, ...rest);
      note(cache, written);
      return written;
    };
  return {
    ...cluster,
    writeStatus: noted(cluster.writeStatus),
    removeAnnotations: noted(cluster.removeAnnotations),
    setFinalizer: noted(cluster.setFinalizer),
  };
}
