import {
  type FoundImage,
  type FoundList,
  type FoundPlacement,
  type ImagesFrom,
  listHash,
  listIndexes,
  ownLists,
  placementKey,
} from '#model/cache/found-images.ts';
import type { ImageCache, ImageList } from '#model/cache/image-cache.ts';
import { isImageReference } from '#model/text/image-reference.ts';
import { roundDownToSecond } from '#model/text/times.ts';
import type { ImageSource } from '#model/workload/image-sources.ts';

/** What was read for one list of the spec. */
export type Reading = {
  /** Its index in `spec.cacheSpec`. */
  readonly list: number;
  readonly sources: readonly ImageSource[];
  /** Whether all workloads were read; images that are missing from an incomplete reading are kept. */
  readonly isComplete: boolean;
  /** What could not be read, as sentences. */
  readonly problems: readonly string[];
};

/** Everything that was read for a cache. */
export type Readings = {
  readonly lists: readonly Reading[];
  /** The pull secrets of service accounts by their name, and whether accounts that are missing do not exist. */
  readonly accounts: { readonly secrets: ReadonlyMap<string, readonly string[]>; readonly isComplete: boolean };
  /** The service account of pull Pods. */
  readonly account: string;
};

/** Workloads of one list whose Pods may run on the same nodes, and what the status has found for these nodes. */
export type Group = Pick<FoundList, 'list' | 'listHash'> & {
  readonly pods: FoundPlacement | undefined;
  /** What workloads name now; undefined if none names an image. */
  readonly named: Named | undefined;
  /** The images of the status that stay if no workload names them. */
  readonly kept: readonly FoundImage[];
  /** The images that the status has of it; undefined if it does not have it. */
  readonly known: ReadonlySet<string> | undefined;
};

/** Workloads on the same nodes; lists that select the same workloads share one object. */
export type Named = {
  readonly pods: FoundPlacement | undefined;
  readonly sources: ImageSource[];
};

/** Yields the groups of all lists one by one, since hundreds of lists may select the same thousands of workloads. */
export function* groupsOf(cache: ImageCache, readings: Readings, now: number): Generator<Group> {
  const own = ownLists(cache.spec);
  const known = knownLists(cache, own);
  const byNodes = onSameNodes();
  for (const reading of readings.lists) {
    const list = own[reading.list];
    if (list?.imagesFrom === undefined) continue;
    const { nodes, keepSeconds } = list.imagesFrom;
    const named = byNodes(reading.sources, nodes);
    // Ignored workloads may still name an image.
    const isComplete = reading.isComplete && [...named.values()].every(isShort);
    const lasts = new Map(
      (known.get(reading.list) ?? [])
        .filter(({ pods }) => !isComplete || (pods === undefined) === (nodes === 'Selected'))
        .map((last) => [placementKey(last.pods), last] as const),
    );
    for (const key of new Set([...named.keys(), ...lasts.keys()])) {
      const last = lasts.get(key);
      const kept = (last?.images ?? []).flatMap((image): FoundImage[] => {
        if (!isComplete) return [image];
        const unnamedSince = keptSince(image.unnamedSince, keepSeconds, now);
        return unnamedSince === undefined
          ? []
          : [{ image: image.image, workloads: [], workloadCount: 0, unnamedSince }];
      });
      const pods = named.get(key)?.pods ?? last?.pods;
      if (!named.has(key) && kept.length === 0) continue;
      const identity = { list: reading.list, listHash: listHash(list) };
      yield { ...identity, pods, named: named.get(key), kept, known: last && namesOf(last.images) };
    }
  }
}

/** The images that the status has of each list, wherever the list stood when they were found. */
function knownLists({ status }: ImageCache, own: readonly ImageList[]): ReadonlyMap<number, readonly FoundList[]> {
  const indexes = listIndexes(status.found.lists, own);
  return Map.groupBy(
    status.found.lists.filter((list) => indexes.has(list)),
    (list) => indexes.get(list) ?? -1,
  );
}

type Nodes = ImagesFrom['nodes'];

/** Divides workloads by the nodes on which their Pods may run, once for all lists that select the same. */
function onSameNodes(): (sources: readonly ImageSource[], nodes: Nodes) => ReadonlyMap<string, Named> {
  type Divided = Map<readonly ImageSource[], ReadonlyMap<string, Named>>;
  const known: Readonly<Record<Nodes, Divided>> = { Selected: new Map(), AsPods: new Map() };
  return (sources, nodes) => {
    const groups = known[nodes].get(sources) ?? divided(sources, nodes);
    known[nodes].set(sources, groups);
    return groups;
  };
}

function divided(sources: readonly ImageSource[], nodes: Nodes): ReadonlyMap<string, Named> {
  const groups = new Map<string, Named>();
  for (const source of sources) {
    if ((nodes === 'AsPods' && source.placement === undefined) || !source.images.some(isImageReference)) continue;
    const pods = nodes === 'AsPods' ? source.placement : undefined;
    const key = placementKey(pods);
    const group = groups.get(key) ?? { pods, sources: [] };
    group.sources.push(source);
    groups.set(key, group);
  }
  return new Map([...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Since when no workload names what the status has, in epoch milliseconds; undefined once it has been kept for `keepSeconds`. A
 * clock that was ahead may have written a later time than now.
 */
export function keptSince(recorded: number | undefined, keepSeconds: number, now: number): number | undefined {
  const since = recorded === undefined || recorded > now ? roundDownToSecond(now) : recorded;
  return now - since < keepSeconds * 1000 ? since : undefined;
}

/** Bounds of what one cache finds, besides the operator's limits; docs/security.md lists them. */
export const foundBounds = {
  images: 1000,
  /** Sets of nodes that differ. */
  placements: 100,
  /** Characters of one as JSON. */
  placementLength: 4096,
  secrets: 64,
} as const;

export const isShort = ({ pods }: Pick<Group, 'pods'>): boolean =>
  placementKey(pods).length <= foundBounds.placementLength;

export const namesOf = (images: readonly FoundImage[]): ReadonlySet<string> =>
  new Set(images.map(({ image }) => image));
