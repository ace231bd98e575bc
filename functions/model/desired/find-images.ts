import {
  type FoundImage,
  type FoundImages,
  type FoundList,
  type FoundPlacement,
  type FoundSecret,
  type ImagesFrom,
} from '#model/cache/found-images.ts';
import type { ImageCache, ImageList } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Limits } from '#model/cache/settings.ts';
import {
  hasSameImages,
  listHash,
  listIndexes,
  ownLists,
  ownPullSecrets,
  placementKey,
} from '#model/cache/with-found.ts';
import { isImageReference } from '#model/text/image-reference.ts';
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

type Given = {
  readonly readings: Readings;
  readonly limits: Pick<Limits, 'images' | 'imageBytes'>;
  /** Epoch milliseconds. */
  readonly now: number;
};

/** Bounds of what one cache finds, besides the operator's limits; docs/security.md lists them. */
export const foundBounds = {
  images: 1000,
  /** Sets of nodes that differ. */
  placements: 100,
  /** Characters of one as JSON. */
  placementLength: 4096,
  secrets: 64,
} as const;

/**
 * The images that the read workloads name now, and those that none names any more and that are still kept. Returns what
 * the status has if nothing is different.
 */
export function findImages(cache: ImageCache, { readings, limits, now }: Given): FoundImages {
  const problems = [...new Set(readings.lists.flatMap((reading) => reading.problems))];
  const groups = withinPlacements(groupsOf(cache, readings, now), problems);
  const lists = withinLimits(groups, { cache, limits, problems });
  const found = {
    lists: withSamples(lists),
    pullSecrets: foundSecrets(cache, { readings, now, problems }),
    problem: sentences(invalidReferences(readings, problems)),
    recordedAt: now,
  };
  return isEqual(found, cache.status.found) ? cache.status.found : found;
}

const longestProblem = 1024;

/** Each once. An image may be any text: half a character would not be stored as it is. */
const sentences = (problems: readonly string[]): string =>
  [...new Set(problems)].join('; ').slice(0, longestProblem).toWellFormed();

const isEqual = (found: FoundImages, known: FoundImages): boolean =>
  JSON.stringify(comparable(found)) === JSON.stringify(comparable(known));

/** Everything except the time of recording, with the fields in a fixed order. */
const comparable = ({ lists, pullSecrets, problem }: FoundImages): Omit<FoundImages, 'recordedAt'> => ({
  lists: lists.map(({ list, listHash: of, pods, images }) => ({
    list,
    listHash: of,
    pods: pods && { nodeSelector: pods.nodeSelector, terms: pods.terms, tolerations: pods.tolerations },
    images: images.map(({ image, workloads, workloadCount, unnamedSince }) => ({
      image,
      workloads,
      workloadCount,
      unnamedSince,
    })),
  })),
  pullSecrets: pullSecrets.map(({ name, unnamedSince }) => ({ name, unnamedSince })),
  problem,
});

/** Workloads of one list whose Pods may run on the same nodes, and what the status has found for these nodes. */
type Group = {
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
type Named = {
  readonly pods: FoundPlacement | undefined;
  readonly sources: ImageSource[];
};

/** Yields the groups of all lists one by one, since hundreds of lists may select the same thousands of workloads. */
function* groupsOf(cache: ImageCache, readings: Readings, now: number): Generator<Group> {
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

const namesOf = (images: readonly FoundImage[]): ReadonlySet<string> => new Set(images.map(({ image }) => image));

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

/** A time of the status, or now: a clock that was ahead may have written it. */
const pastOr = (now: number, time: number | undefined): number =>
  time === undefined || time > now ? wholeSecond(now) : time;

/** As the status stores it. */
const wholeSecond = (time: number): number => Math.floor(time / 1000) * 1000;

type Listed = {
  /** The first images, as many as a cache may have. */
  readonly images: readonly FoundImage[];
  /** How many there are. */
  readonly count: number;
};

/** The images that workloads name, those that are known first. */
function namedImages({ sources }: Named, known: ReadonlySet<string>): Listed {
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

/** Maximum total length of these names, which are informational. */
const sampleLength = 32_768;

function withSamples(lists: readonly FoundList[]): readonly FoundList[] {
  let left = sampleLength;
  const sampled = (workloads: readonly string[]): readonly string[] =>
    workloads.filter(({ length }) => (left -= length) >= 0);
  return lists.map((list) => ({
    ...list,
    images: list.images.map((image) => ({ ...image, workloads: sampled(image.workloads) })),
  }));
}

/** Bounds the sets of nodes, as each becomes a list that is matched against every node. As with images, known ones come first. */
function withinPlacements(groups: Iterable<Group>, problems: string[]): readonly Group[] {
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
  return taken.toSorted((a, b) => a.of.list - b.of.list || (placementKey(a.pods) < placementKey(b.pods) ? -1 : 1));
}

const isOnlyKept = ({ named, kept }: Group): boolean =>
  named === undefined && kept.every(({ workloadCount }) => workloadCount === 0);

const isShort = ({ pods }: Pick<Group, 'pods'>): boolean => placementKey(pods).length <= foundBounds.placementLength;

/** How many lists a list of found images becomes: one for each term of node affinity. */
const nodeSetsOf = ({ pods }: Pick<Group, 'pods'>): number => Math.max(1, pods?.terms.length ?? 0);

type Limiting = { readonly cache: ImageCache; readonly limits: Given['limits']; readonly problems: string[] };

/** The images that fit within the limits together with those of the spec: known ones first, then new ones, then those that are only kept. */
function withinLimits(groups: readonly Group[], { cache, limits, problems }: Limiting): readonly FoundList[] {
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
  if (left > 0)
    problems.push(
      `Workloads name ${total} images, and ${left} of them are left out: MAX_IMAGES and MAX_IMAGE_BYTES allow no more`,
    );
  return lists
    .map((list) => ({ ...list, images: list.images.filter((image) => taken.has(image)) }))
    .filter(({ images }) => images.length > 0);
}

/** Whether a workload names it, or may, as it was not read. */
const isNamed = ({ workloadCount }: FoundImage): boolean => workloadCount > 0;

type ListedGroups = {
  readonly lists: readonly FoundList[];
  /** How many images workloads name. */
  readonly total: number;
  /** Those that the status has for the same nodes of the same list. */
  readonly known: ReadonlySet<FoundImage>;
};

/** The images of each group, at most as many as a cache may have; in every group those with the names in `first` come first. */
function listed(groups: readonly Group[], first: ReadonlySet<string>): ListedGroups {
  const namedOf = new Map<Named, Listed>();
  const knownImages = new Set<FoundImage>();
  let total = 0;
  const lists = groups.map(({ of, pods, named, kept, known }): FoundList => {
    const now = named === undefined ? { images: [], count: 0 } : (namedOf.get(named) ?? namedImages(named, first));
    if (named !== undefined) namedOf.set(named, now);
    const names = namesOf(now.images);
    const unnamed = kept.filter(({ image }) => !names.has(image));
    total += now.count + unnamed.filter(isNamed).length;
    // Lists do not share image objects, as `withinLimits` selects them by identity.
    const images = [...now.images.map((image) => ({ ...image })), ...unnamed];
    for (const image of images) if (known?.has(image.image) === true) knownImages.add(image);
    return { ...of, pods, images: images.toSorted((a, b) => (a.image < b.image ? -1 : 1)) };
  });
  return { lists, total, known: knownImages };
}

const roomOf = (limit: number, used: number): number => (limit === 0 ? Infinity : Math.max(0, limit - used));

type Naming = Pick<Given, 'readings' | 'now'> & { readonly problems: string[] };

/** The secrets of the workloads and, where pull Pods name some, those that admission would have added to them. */
function foundSecrets(cache: ImageCache, { readings, now, problems }: Naming): readonly FoundSecret[] {
  const { accounts, account, lists } = readings;
  const secretsOf = (name: string): readonly string[] => accounts.secrets.get(name) ?? [];
  const named = new Set<string>();
  for (const { pullSecrets, serviceAccount } of allSources(readings))
    for (const name of pullSecrets.length > 0 ? pullSecrets : secretsOf(serviceAccount)) named.add(name);
  if (named.size > 0 && ownPullSecrets(cache.spec).length === 0) for (const name of secretsOf(account)) named.add(name);
  const isComplete = accounts.isComplete && lists.every((reading) => reading.isComplete);
  const own = ownLists(cache.spec);
  const keepSeconds = Math.max(0, ...lists.map(({ list }) => own[list]?.imagesFrom?.keepSeconds ?? 0));
  const known = new Set(cache.status.found.pullSecrets.map(({ name }) => name));
  const kept = cache.status.found.pullSecrets.flatMap((secret): readonly FoundSecret[] => {
    if (named.has(secret.name)) return [];
    if (!isComplete) return [secret];
    const unnamedSince = pastOr(now, secret.unnamedSince);
    return now - unnamedSince < keepSeconds * 1000 ? [{ name: secret.name, unnamedSince }] : [];
  });
  const names = [...named].toSorted((a, b) => Number(known.has(b)) - Number(known.has(a)) || (a < b ? -1 : 1));
  const all = [...names.map((name) => ({ name, unnamedSince: undefined })), ...kept];
  if (all.length > foundBounds.secrets)
    problems.push(`Workloads name ${all.length} pull secrets, of which ${foundBounds.secrets} are used`);
  return all.slice(0, foundBounds.secrets).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** All workloads that were read, without duplicates. */
const allSources = ({ lists }: Readings): ReadonlySet<ImageSource> => new Set(lists.flatMap(({ sources }) => sources));

function invalidReferences(readings: Readings, problems: readonly string[]): readonly string[] {
  const invalid = [...allSources(readings)].flatMap(({ workload, images }) =>
    images
      .filter((image) => !isImageReference(image))
      .map((image) => `${workload} (${JSON.stringify(image.slice(0, 100))})`),
  );
  const [first] = invalid.toSorted();
  if (first === undefined) return problems;
  const more = invalid.length === 1 ? '' : ` and ${invalid.length - 1} more`;
  return [...problems, `No image reference: ${first}${more}`];
}

type Interval = { readonly interval: number; readonly now: number };

/** When workloads may open the next round of a cache, in epoch milliseconds; in the past if at once. */
export const foundRoundTime = ({ status: { round } }: ImageCache, at: Interval): number =>
  round?.trigger === 'Workloads' ? nextAfter(round.startTime, at) : -Infinity;

/** An interval after a time of the status; at once if a clock that was ahead has written it. */
const nextAfter = (time: number, { interval, now }: Interval): number =>
  time > now + interval ? -Infinity : time + interval;

/**
 * The found images to use: the new ones, or those of the status until `interval` milliseconds after the last round for
 * workloads, so that a burst of changes does not open a round for each. The status is written as rarely if only names change.
 */
export function foundInTurn(cache: ImageCache, found: FoundImages, at: Interval): FoundImages {
  const { found: known, observedGeneration } = cache.status;
  if (observedGeneration !== cache.generation) return found;
  const next = hasSameImages(found, known) ? nextAfter(known.recordedAt ?? -Infinity, at) : foundRoundTime(cache, at);
  return at.now >= next ? found : known;
}

/** Reports what could not be read, or was too much, once for each problem. */
export const foundEvents = ({ found, status }: ImageCache): readonly CacheEvent[] =>
  found.problem === '' || found.problem === status.found.problem
    ? []
    : [{ type: 'Warning', reason: 'WorkloadsNotRead', message: found.problem, key: found.problem }];
