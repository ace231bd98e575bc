import { nodeReader } from '#model/node/parse-node.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { JsonPatchOperation } from '#model/desired/warm-gate.ts';
import type { Node } from '#model/node/node.ts';
import type { Api } from '#runtime/api/api.ts';
import { type Listed, listItems, listVersion } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { byMetadataIfUnreadable, find, type OnUnreadable } from './objects.ts';

/** Reads and patches Nodes. One parser serves all reads, as many decisions hold the same Nodes at once. */
export function nodeCalls(api: Api, onUnreadable: OnUnreadable) {
  const parse = byMetadataIfUnreadable('Node', nodeReader(), onUnreadable);
  const listing = { bound: 'page_nodes', parse } as const;
  const node = async (name: string): Promise<Node | undefined> => find(api, () => paths.node(name), parse);
  return {
    node,
    /** All, or those that match a label selector. */
    nodes: async (selector?: string): Promise<readonly Node[]> =>
      listItems(api, paths.nodes, selector === undefined ? listing : { ...listing, selector }),
    nodesSince: sharedNodes(() => listVersion(api, paths.nodes, listing)),
    /**
     * Those of these names; undefined for each that does not exist. Many are read with one request by the label that kubelets set
     * to the name; those whose label is another one, or has no room for the name, one by one.
     */
    nodesNamed: async (names: readonly string[]): Promise<ReadonlyMap<string, Node | undefined>> => {
      const labelled = names.length < minNames ? [] : names.filter(({ length }) => length <= maxLabel);
      const selectors = Array.from({ length: Math.ceil(labelled.length / maxNames) }, (_, index) => {
        const chunk = labelled.slice(index * maxNames, (index + 1) * maxNames);
        return `kubernetes.io/hostname in (${chunk.join()})`;
      });
      const listed = await Promise.all(
        selectors.map((selector) => listItems(api, paths.nodes, { ...listing, selector })),
      );
      const found = new Map<string, Node | undefined>(listed.flat().map((each) => [each.name, each]));
      const others = names.filter((name) => !found.has(name));
      const read = await Promise.all(others.map(async (name) => [name, await node(name)] as const));
      return new Map([...names.map((name) => [name, found.get(name)] as const), ...read]);
    },
    /** Applies a JSON patch. Throws `ApiError` 422 if a test in it fails. */
    patchNode: async (name: string, body: readonly JsonPatchOperation[]): Promise<void> => {
      await api.request({ method: 'PATCH', path: paths.node(name), contentType: 'application/json-patch+json', body });
    },
  };
}

/** Maximum number of names in one selector: a URL of some kilobytes. */
const maxNames = 50;
/** Fewer are read one by one. */
const minNames = 8;
const maxLabel = 63;

/** Maximum age in milliseconds of a listing that decisions share. */
export const maxNodesAge = 10_000;

/** A version of a cache. */
export type CacheVersion = Pick<ImageCache, 'uid' | 'resourceVersion'>;

/** All Nodes as one listing showed them. */
export type NodeListing = {
  readonly nodes: readonly Node[];
  /** Whether a version of a cache refers to no Node that joined after the listing. */
  readonly covers: (cache: CacheVersion) => boolean;
  /** Notes the version that replaced another one by a decision that read no other Nodes. */
  readonly noteWrite: (cache: CacheVersion, written: string | undefined) => void;
};

type SharedListing = { readonly listing: Promise<NodeListing>; readonly since: number };

/**
 * All Nodes, by one listing for the decisions of some seconds: `now`, in epoch milliseconds, is that of the decision. A listing is
 * shared only if it covers the version of the cache that a decision is about; without one, Nodes are listed again.
 */
export function sharedNodes(
  list: () => Promise<Listed<Node>>,
): (now: number, cache?: CacheVersion) => Promise<NodeListing> {
  let latest: SharedListing | undefined;
  const begin = (now: number): SharedListing => {
    const begun = { listing: list().then(nodeListing), since: now };
    const forget = (): void => {
      if (latest === begun) latest = undefined;
    };
    latest = begun;
    begun.listing.catch(forget);
    setTimeout(forget, maxNodesAge).unref(); // so that thousands of Nodes are not kept when no decision needs them
    return begun;
  };
  return async (now, cache) => {
    let checked: SharedListing | undefined;
    while (cache !== undefined && latest !== undefined && latest !== checked && now - latest.since <= maxNodesAge) {
      checked = latest;
      const listing = await checked.listing;
      if (listing.covers(cache)) return listing;
    }
    return begin(now).listing;
  };
}

function nodeListing({ items, resourceVersion: listed }: Listed<Node>): NodeListing {
  const written = new Set<string>();
  const covers = ({ uid, resourceVersion }: CacheVersion): boolean =>
    isSince(listed, resourceVersion) || written.has(`${uid} ${resourceVersion}`);
  return {
    nodes: items,
    covers,
    noteWrite: (cache, version) => {
      if (version !== undefined && covers(cache)) written.add(`${cache.uid} ${version}`);
    },
  };
}

const wholeNumber = /^\d+$/;

/** Whether a listing shows no earlier state than a version of an object. Versions that are no numbers cannot be compared. */
const isSince = (listing: string, object: string): boolean =>
  wholeNumber.test(listing) && wholeNumber.test(object) && BigInt(listing) >= BigInt(object);
