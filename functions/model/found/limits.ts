import { placementKey, ownLists, type FoundImage, type FoundList } from '#model/cache/found-images.ts';
import { type Group, isShort, foundBounds, type Named, namesOf, type Readings } from './groups.ts';
import type { Limits } from '#model/cache/settings.ts';
import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { isImageReference } from '#model/text/image-reference.ts';
import { allowedFound, imagePatterns, isAllowedImage } from '#model/cache/tenancy.ts';
import type { ImageSource } from '#model/workload/image-sources.ts';

/** The limits that images of workloads are left out by. */
export type FoundLimits = Pick<Limits, 'images' | 'imageBytes' | 'tenantImages'>;

/** What was read and what the status has, without the images that the cache's namespace may not have. */
export function withinTenancy(
  cache: ImageCache,
  readings: Readings,
  limits: FoundLimits,
  problems: string[],
): { readonly known: ImageCache; readonly readings: Readings } {
  const { namespace, status } = cache;
  const patterns = imagePatterns(namespace, limits);
  if (patterns === undefined) return { known: cache, readings };
  const known = withStatus(cache, { found: allowedFound({ namespace, found: status.found }, limits) });
  const isOut = (image: string): boolean => isImageReference(image) && !isAllowedImage(image, patterns);
  const read = [...new Set(readings.lists.flatMap(({ sources }) => sources.flatMap(({ images }) => images)))];
  const outside = read.filter(isOut).toSorted();
  if (outside.length === 0) return { known, readings };
  const [first = ''] = outside;
  const more = outside.length === 1 ? '' : ` and ${outside.length - 1} more`;
  problems.push(`Workloads name images that TENANCY does not allow here, which are left out: ${first}${more}`);
  // Lists that select the same share their sources, which are divided once.
  const kept = new Map<readonly ImageSource[], readonly ImageSource[]>();
  const allowed = (sources: readonly ImageSource[]): readonly ImageSource[] => {
    const some =
      kept.get(sources) ?? sources.map((of) => ({ ...of, images: of.images.filter((each) => !isOut(each)) }));
    kept.set(sources, some);
    return some;
  };
  return {
    known,
    readings: { ...readings, lists: readings.lists.map((of) => ({ ...of, sources: allowed(of.sources) })) },
  };
}

/** Bounds the sets of nodes, as each becomes a list that is matched against every node. As with images, known ones come first. */
export function withinPlacements(groups: Iterable<Group>, problems: string[]): readonly Group[] {
  const ranked: readonly [Group[], Group[], Group[]] = [[], [], []];
  let all = 0;
  let isAnyLong = false;
  for (const group of groups) {
    if (!isShort(group)) isAnyLong = true;
    else {
      all += nodeSetsOf(group);
      const rank = ranked[isOnlyKept(group) ? 2 : group.known === undefined ? 1 : 0];
      // More never fit, as each group has at least one set of nodes.
      if (rank.length < foundBounds.placements) rank.push(group);
    }
  }
  if (isAnyLong)
    problems.push(
      `Workloads whose node affinity and tolerations exceed ${foundBounds.placementLength} bytes are ignored`,
    );
  let left: number = foundBounds.placements;
  const taken = ranked.flat().filter((group) => {
    const fits = nodeSetsOf(group) <= left;
    if (fits) left -= nodeSetsOf(group);
    return fits;
  });
  if (foundBounds.placements - left < all)
    problems.push(
      `Workloads run on ${all} different sets of nodes, of which ${foundBounds.placements - left} are served`,
    );
  return taken.toSorted((a, b) => a.list - b.list || (placementKey(a.pods) < placementKey(b.pods) ? -1 : 1));
}

const isOnlyKept = ({ named, kept }: Group): boolean =>
  named === undefined && kept.every(({ workloadCount }) => workloadCount === 0);

/** How many lists a list of found images becomes: one for each term of node affinity. */
const nodeSetsOf = ({ pods }: Pick<Group, 'pods'>): number => Math.max(1, pods?.terms.length ?? 0);

/** The images that fit within the limits together with those of the spec: known ones first, then new ones, then those that are only kept. */
export function withinLimits(
  groups: readonly Group[],
  cache: ImageCache,
  limits: FoundLimits,
  problems: string[],
): readonly FoundList[] {
  const own = ownLists(cache.spec).flatMap(({ images }) => images);
  const bytes = (images: readonly string[]): number => images.reduce((sum, { length }) => sum + length, 0);
  let count = Math.min(foundBounds.images, roomOf(limits.images, own.length));
  let room = roomOf(limits.imageBytes, bytes(own));
  const { lists, total, known } = listed(groups, namesOf(cache.status.found.lists.flatMap(({ images }) => images)));
  const rank = (image: FoundImage): number => (!isNamed(image) ? 2 : known.has(image) ? 0 : 1);
  const all = lists.flatMap(({ images }) => images).toSorted((a, b) => rank(a) - rank(b));
  const taken = new Set(
    all.filter(({ image }) => {
      if (count <= 0 || image.length > room) return false;
      count -= 1;
      room -= image.length;
      return true;
    }),
  );
  const left = total - [...taken].filter(isNamed).length;
  const isFull = taken.size >= foundBounds.images;
  const why = isFull ? `a cache takes ${foundBounds.images} at most` : 'MAX_IMAGES and MAX_IMAGE_BYTES allow no more';
  if (left > 0) problems.push(`Workloads name ${total} images, and ${left} of them are left out: ${why}`);
  return lists
    .map((list) => ({ ...list, images: list.images.filter((image) => taken.has(image)) }))
    .filter(({ images }) => images.length > 0);
}

/** The images of each group, at most as many as a cache may have; in every group those with the names in `first` come first. */
function listed(groups: readonly Group[], first: ReadonlySet<string>): ListedGroups {
  const namedOf = new Map<Named, NamedImages>();
  const knownImages = new Set<FoundImage>();
  let total = 0;
  const lists = groups.map(({ list, listHash, pods, named, kept, known }): FoundList => {
    const now = named === undefined ? { images: [], count: 0 } : (namedOf.get(named) ?? namedImages(named, first));
    if (named !== undefined) namedOf.set(named, now);
    const names = namesOf(now.images);
    const unnamed = kept.filter(({ image }) => !names.has(image));
    total += now.count + unnamed.filter(isNamed).length;
    // Lists do not share image objects, as `withinLimits` selects them by identity.
    const images = [...now.images.map((image) => ({ ...image })), ...unnamed];
    for (const image of images) if (known?.has(image.image) === true) knownImages.add(image);
    return { list, listHash, pods, images: images.toSorted((a, b) => (a.image < b.image ? -1 : 1)) };
  });
  return { lists, total, known: knownImages };
}

const roomOf = (limit: number, used: number): number => (limit === 0 ? Infinity : Math.max(0, limit - used));

type NamedImages = {
  /** The first images, as many as a cache may have. */
  readonly images: readonly FoundImage[];
  /** How many there are. */
  readonly count: number;
};

/** The images that workloads name, those that are known first. */
function namedImages({ sources }: Named, known: ReadonlySet<string>): NamedImages {
  const images = new Map<string, string[]>();
  for (const source of sources)
    for (const image of source.images) {
      const workloads = images.get(image);
      if (workloads !== undefined) workloads.push(source.workload);
      else if (isImageReference(image)) images.set(image, [source.workload]);
    }
  const names = [...images.keys()].toSorted();
  const first = [...names.filter((name) => known.has(name)), ...names.filter((name) => !known.has(name))];
  return {
    images: first.slice(0, foundBounds.images).map((image) => foundImage(image, images.get(image) ?? [])),
    count: names.length,
  };
}

const foundImage = (image: string, workloads: readonly string[]): FoundImage => ({
  image,
  workloads: workloads.toSorted().slice(0, sampleSize),
  workloadCount: workloads.length,
  unnamedSince: undefined,
});

/** Maximum number of workloads that are listed for an image. */
const sampleSize = 3;

/** Whether a workload names it, or may, as it was not read. */
const isNamed = ({ workloadCount }: FoundImage): boolean => workloadCount > 0;

type ListedGroups = {
  readonly lists: readonly FoundList[];
  /** How many images workloads name. */
  readonly total: number;
  /** Those that the status has for the same nodes of the same list. */
  readonly known: ReadonlySet<FoundImage>;
};
