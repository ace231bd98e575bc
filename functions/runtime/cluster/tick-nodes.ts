import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import type { Cluster } from './cluster.ts';
import { maxNodesAge } from './shared-nodes.ts';
import type { CacheListing } from './unreadable.ts';

/** All Nodes, and all caches that may need images on them. */
export type NodesAndCaches = { readonly nodes: readonly Node[]; readonly listing: CacheListing };

/** Reads the Nodes for a decision about a cache; without one, the first listing. */
export type ReadNodes = (cache?: Version) => Promise<readonly Node[]>;

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

/** A cluster in which decisions share a listing of Nodes. */
type Shares = {
  readonly cluster: Cluster;
  readonly readNodes: ReadNodes;
  readonly readNodesAndCaches: ReadNodesAndCaches;
};

/**
 * Has the decisions of a tick share a listing of Nodes, unless their cache has a version that it does not cover: its status may refer
 * to a Node that has joined since. Removals list the caches, too: if one of them has such a version, a node may have got a label since
 * by which that cache has pulled images there. Then Nodes are listed again. `listed`: caches that were listed before.
 */
export function shareNodes(listed: CacheListing, { cluster, now }: Sharing): Shares {
  const seen = new Set(versionsIn(listed).map(keyOf));
  const { current, begin, nodesNamed, note } = latestListing(seen, { cluster, now });
  const readNodes: ReadNodes = async (cache) => {
    if (cache !== undefined && current() === undefined) seen.add(keyOf(cache));
    const known = current() ?? begin();
    if (cache === undefined || known.covered.has(keyOf(cache))) return known.nodes;
    return cluster.nodesSince({ resourceVersion: cache.resourceVersion, now: now() });
  };
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
  return { cluster: { ...noting(cluster, note), nodesNamed }, readNodes, readNodesAndCaches };
}

type Note = (cache: ImageCache, written: string | undefined) => void;

type Latest = {
  /** undefined if it is too old, or has failed. */
  readonly current: () => Shared | undefined;
  readonly begin: () => Shared;
  readonly nodesNamed: Cluster['nodesNamed'];
  readonly note: Note;
};

/** The latest listing of Nodes. It covers the versions in `seen`, to which those are added that are written from it. */
function latestListing(seen: Set<string>, { cluster, now }: Sharing): Latest {
  let shared: Shared | undefined;
  /** Whether Nodes were read by this listing alone. */
  let isAlone = true;
  const begin = (): Shared => {
    const since = now();
    const nodes = cluster.nodesSince({ resourceVersion: undefined, now: since });
    const begun = { nodes, since, covered: new Set(seen) };
    nodes.catch(() => {
      if (shared === begun) shared = undefined;
    });
    shared = begun;
    isAlone = true;
    return begun;
  };
  const current = (): Shared | undefined =>
    shared !== undefined && now() - shared.since <= maxNodesAge ? shared : undefined;
  /** What is written from now on may refer to a newer state of these Nodes. */
  const nodesNamed: Cluster['nodesNamed'] = async (names) => {
    isAlone &&= names.length === 0;
    const read = await cluster.nodesNamed(names);
    isAlone &&= names.length === 0;
    return read;
  };
  /** A write follows from a version of the cache and from the Nodes alone that the listing has. */
  const note: Note = ({ uid, resourceVersion }, written) => {
    if (!isAlone || written === undefined || shared?.covered.has(keyOf({ uid, resourceVersion })) !== true) return;
    for (const covered of [shared.covered, seen]) covered.add(keyOf({ uid, resourceVersion: written }));
  };
  return { current, begin, nodesNamed, note };
}

const versionsIn = ({ caches, unreadable }: CacheListing): readonly Version[] => [...caches, ...unreadable];

/** Calls `note` with each version that a write replaces, and with the new one. */
function noting(cluster: Cluster, note: Note): Cluster {
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
