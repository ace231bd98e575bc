import type { FoundImage, FoundList, FoundPlacement, ImagesFrom } from '#model/cache/found-images.ts';
import type { ImageCache, ImageList } from '#model/cache/image-cache.ts';
import { listHash, listIndexes, ownLists, placementKey } from '#model/cache/with-found.ts';
import { isImageReference } from '#model/text/image-reference.ts';
import type { ImageSource } from '#model/workload/image-sources.ts';
import { type Readings, foundBounds } from './readings.ts';
import { pastOr } from './times.ts';

/** Workloads of one list whose Pods may run on the same nodes, and what the status has found for these nodes. */
export type Group = {
  readonly of: Pick<FoundList, 'list' | 'listHash'>;
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
    const isKept = (since: number): boolean => now - since < keepSeconds * 1000;
    const kept = new Map(
      (known.get(reading.list) ?? [])
        .filter(({ pods }) => !isComplete || (pods === undefined) === (nodes === 'Selected'))
        .map((each) => [placementKey(each.pods), each] as const),
    );
    const of = { list: reading.list, listHash: listHash(list) };
    for (const key of new Set([...named.keys(), ...kept.keys()])) {
      const last = kept.get(key);
      const images = (last?.images ?? []).flatMap((image) => keptImage(image, { isKept, isComplete, now }));
      const pods = named.get(key)?.pods ?? last?.pods;
      if (named.has(key) || images.length > 0)
        yield { of, pods, named: named.get(key), kept: images, known: last && namesOf(last.images) };
    }
  }
}

/** The images that the status has of each list, wherever the list stood when they were found. */
function knownLists({ status }: ImageCache, own: readonly ImageList[]): ReadonlyMap<number, readonly FoundList[]> {
  const indexes = listIndexes(status.found.lists, own);
  return Map.groupBy(
    status.found.lists.filter((each) => indexes.has(each)),
    (each) => indexes.get(each) ?? -1,
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

type Keeping = {
  readonly isKept: (since: number) => boolean;
  readonly isComplete: boolean;
  readonly now: number;
};

/** The image that the status keeps if no workload names it; empty once `keepSeconds` have passed. */
function keptImage(known: FoundImage, { isKept, isComplete, now }: Keeping): readonly FoundImage[] {
  if (!isComplete) return [known];
  const unnamedSince = pastOr(now, known.unnamedSince);
  return isKept(unnamedSince) ? [{ image: known.image, workloads: [], workloadCount: 0, unnamedSince }] : [];
}

export const isShort = ({ pods }: Pick<Group, 'pods'>): boolean =>
  placementKey(pods).length <= foundBounds.placementLength;

export const namesOf = (images: readonly FoundImage[]): ReadonlySet<string> =>
  new Set(images.map(({ image }) => image));
