import {
  type FoundImage,
  type FoundImages,
  type FoundList,
  type FoundPlacement,
  type FoundSecret,
  type ImagesFrom,
} from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
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
  /** Whether these are all: of an incomplete reading nothing follows for images that are missing from it. */
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
  const problems = readings.lists.flatMap((reading) => reading.problems);
  const lists = readings.lists.flatMap((reading) => foundLists(cache, reading, now));
  const fitting = withinPlacements(lists, { cache, problems });
  const taken = withinLimits(fitting, { cache, limits, problems });
  const found = {
    lists: withSamples(taken),
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

/** All but when it was recorded, with the fields in one order. */
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

const imagesFromOf = (cache: ImageCache, list: number): ImagesFrom | undefined =>
  ownLists(cache.spec)[list]?.imagesFrom;

/** The images that the status has of a list, wherever the list stood when they were found. */
function knownOf({ spec, status }: ImageCache, list: number): readonly FoundList[] {
  const indexes = listIndexes(status.found.lists, ownLists(spec));
  return status.found.lists.filter((each) => indexes.get(each) === list);
}

/** The found images of one list, by where they must be. */
function foundLists(cache: ImageCache, reading: Reading, now: number): readonly FoundList[] {
  const own = ownLists(cache.spec)[reading.list];
  const from = own?.imagesFrom;
  if (own === undefined || from === undefined) return [];
  const groups = new Map<string, Group>();
  for (const source of reading.sources) {
    if (from.nodes === 'AsPods' && source.placement === undefined) continue;
    const { images } = groupOf(groups, from.nodes === 'AsPods' ? source.placement : undefined);
    for (const image of source.images.filter(isImageReference)) {
      const workloads = images.get(image) ?? [];
      workloads.push(source.workload);
      images.set(image, workloads);
    }
  }
  const isKept = (since: number): boolean => now - since < from.keepSeconds * 1000;
  for (const { pods, images } of knownOf(cache, reading.list))
    if (!reading.isComplete || (pods === undefined) === (from.nodes === 'Selected'))
      groupOf(groups, pods).kept.push(
        ...images.flatMap((image) => keptImage(image, { isKept, isComplete: reading.isComplete, now })),
      );
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => foundList(group, { list: reading.list, listHash: listHash(own) }))
    .filter(({ images }) => images.length > 0);
}

type Group = {
  readonly pods: FoundPlacement | undefined;
  /** By image, the workloads that name it. */
  readonly images: Map<string, string[]>;
  readonly kept: FoundImage[];
};

function groupOf(groups: Map<string, Group>, pods: FoundPlacement | undefined): Group {
  const key = placementKey(pods);
  const group = groups.get(key) ?? { pods, images: new Map<string, string[]>(), kept: [] };
  groups.set(key, group);
  return group;
}

type Keeping = {
  readonly isKept: (since: number) => boolean;
  readonly isComplete: boolean;
  readonly now: number;
};

/** An image of the status as it is if no workload names it; none if it is kept no longer. */
function keptImage(known: FoundImage, { isKept, isComplete, now }: Keeping): readonly FoundImage[] {
  if (!isComplete) return [known];
  const unnamedSince = known.unnamedSince ?? wholeSecond(now);
  return isKept(unnamedSince) ? [{ image: known.image, workloads: [], workloadCount: 0, unnamedSince }] : [];
}

/** As the status stores it. */
const wholeSecond = (time: number): number => Math.floor(time / 1000) * 1000;

function foundList({ pods, images, kept }: Group, of: Pick<FoundList, 'list' | 'listHash'>): FoundList {
  const named = [...images].map(([image, workloads]): FoundImage => ({
    image,
    workloads: workloads.toSorted().slice(0, sampleSize),
    workloadCount: workloads.length,
    unnamedSince: undefined,
  }));
  const unnamed = kept.filter(({ image }) => !images.has(image));
  return { ...of, pods, images: [...named, ...unnamed].toSorted((a, b) => (a.image < b.image ? -1 : 1)) };
}

/** Workloads that are named beside an image. */
const sampleSize = 3;

/** Characters of all their names: they are only to be read. */
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

/** A tenant may not have each node selected by thousands of lists. As of images, those that are known come first. */
function withinPlacements(lists: readonly FoundList[], { cache, problems }: Problematic): readonly FoundList[] {
  const isShort = ({ pods }: FoundList): boolean => placementKey(pods).length <= foundBounds.placementLength;
  const short = lists.filter(isShort);
  if (short.length < lists.length)
    problems.push(
      `Workloads whose node affinity and tolerations exceed ${foundBounds.placementLength} bytes are ignored`,
    );
  const known = new Set(cache.status.found.lists.map(({ pods }) => placementKey(pods)));
  const rankOf = ({ pods, images }: FoundList): number =>
    images.every(({ workloadCount }) => workloadCount === 0) ? 2 : known.has(placementKey(pods)) ? 0 : 1;
  let left: number = foundBounds.placements;
  const taken = new Set(
    short
      .toSorted((a, b) => rankOf(a) - rankOf(b))
      .filter((list) => {
        const fits = nodeSetsOf(list) <= left;
        if (fits) left -= nodeSetsOf(list);
        return fits;
      }),
  );
  if (taken.size < short.length) {
    const all = short.reduce((sum, list) => sum + nodeSetsOf(list), 0);
    problems.push(
      `Workloads run on ${all} different sets of nodes, of which ${foundBounds.placements - left} are served`,
    );
  }
  return short.filter((list) => taken.has(list));
}

/** How many lists a list of found images becomes: one for each term of node affinity. */
const nodeSetsOf = ({ pods }: FoundList): number => Math.max(1, pods?.terms.length ?? 0);

type Problematic = { readonly cache: ImageCache; readonly problems: string[] };

type Limiting = Problematic & { readonly limits: Given['limits'] };

/** As many images as the limits leave beside those of the spec: first those that are known, then new ones, last those that are only kept. */
function withinLimits(lists: readonly FoundList[], { cache, limits, problems }: Limiting): readonly FoundList[] {
  const own = ownLists(cache.spec).flatMap(({ images }) => images);
  const bytes = (images: readonly string[]): number => images.reduce((sum, { length }) => sum + length, 0);
  let count = Math.min(foundBounds.images, roomOf(limits.images, own.length));
  let room = roomOf(limits.imageBytes, bytes(own));
  const known = new Set(cache.status.found.lists.flatMap(({ images }) => images.map(({ image }) => image)));
  const rank = ({ image, workloadCount }: FoundImage): number => (workloadCount === 0 ? 2 : known.has(image) ? 0 : 1);
  const all = lists.flatMap(({ images }) => images).toSorted((a, b) => rank(a) - rank(b));
  const taken = new Set(
    all.filter(({ image }) => {
      if (count <= 0 || image.length > room) return false;
      count -= 1;
      room -= image.length;
      return true;
    }),
  );
  const left = all.length - taken.size;
  if (left > 0)
    problems.push(
      `Workloads name ${all.length} images, and ${left} of them are left out: MAX_IMAGES and MAX_IMAGE_BYTES allow no more`,
    );
  return lists
    .map((list) => ({ ...list, images: list.images.filter((image) => taken.has(image)) }))
    .filter(({ images }) => images.length > 0);
}

const roomOf = (limit: number, used: number): number => (limit === 0 ? Infinity : Math.max(0, limit - used));

type Naming = Pick<Given, 'readings' | 'now'> & { readonly problems: string[] };

/** The secrets of the workloads and, where pull Pods name some, those that admission would have added to them. */
function foundSecrets(cache: ImageCache, { readings, now, problems }: Naming): readonly FoundSecret[] {
  const { accounts, account, lists } = readings;
  const secretsOf = (name: string): readonly string[] => accounts.secrets.get(name) ?? [];
  const ofWorkloads = lists
    .flatMap(({ sources }) => sources)
    .flatMap(({ pullSecrets, serviceAccount }) => (pullSecrets.length > 0 ? pullSecrets : secretsOf(serviceAccount)));
  const own = ownPullSecrets(cache.spec);
  const ofPullPods = ofWorkloads.length === 0 || own.length > 0 ? [] : secretsOf(account);
  const named = new Set([...ofWorkloads, ...ofPullPods]);
  const isComplete = accounts.isComplete && lists.every((reading) => reading.isComplete);
  const keepSeconds = Math.max(0, ...lists.map(({ list }) => imagesFromOf(cache, list)?.keepSeconds ?? 0));
  const kept = cache.status.found.pullSecrets.flatMap((secret): readonly FoundSecret[] => {
    if (named.has(secret.name)) return [];
    if (!isComplete) return [secret];
    const unnamedSince = secret.unnamedSince ?? wholeSecond(now);
    return now - unnamedSince < keepSeconds * 1000 ? [{ name: secret.name, unnamedSince }] : [];
  });
  const all = [...[...named].toSorted().map((name) => ({ name, unnamedSince: undefined })), ...kept];
  if (all.length > foundBounds.secrets)
    problems.push(`Workloads name ${all.length} pull secrets, of which ${foundBounds.secrets} are used`);
  return all.slice(0, foundBounds.secrets).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function invalidReferences({ lists }: Readings, problems: readonly string[]): readonly string[] {
  const invalid = lists
    .flatMap(({ sources }) => sources)
    .flatMap(({ workload, images }) =>
      images
        .filter((image) => !isImageReference(image))
        .map((image) => `${workload} (${JSON.stringify(image.slice(0, 100))})`),
    );
  const [first] = invalid.toSorted();
  if (first === undefined) return problems;
  const more = invalid.length === 1 ? '' : ` and ${invalid.length - 1} more`;
  return [...problems, `No image reference: ${first}${more}`];
}

/** When workloads may open the next round of a cache, in epoch milliseconds; in the past if at once. */
export function foundRoundTime({ status: { round } }: ImageCache, interval: number): number {
  return round?.trigger === 'Workloads' ? round.startTime + interval : -Infinity;
}

/**
 * What to go on with: what was found, or what the status has while a round for other images began less than `interval`
 * milliseconds ago, so that a storm of changes does not open a round for each.
 */
export function foundInTurn(
  cache: ImageCache,
  found: FoundImages,
  { interval, now }: { readonly interval: number; readonly now: number },
): FoundImages {
  const { found: known, observedGeneration } = cache.status;
  if (observedGeneration !== cache.generation) return found;
  const next = hasSameImages(found, known)
    ? (known.recordedAt ?? -Infinity) + interval
    : foundRoundTime(cache, interval);
  return now >= next ? found : known;
}

/** Reports what could not be read, or was too much, once for each problem. */
export const foundEvents = ({ found, status }: ImageCache): readonly CacheEvent[] =>
  found.problem === '' || found.problem === status.found.problem
    ? []
    : [{ type: 'Warning', reason: 'WorkloadsNotRead', message: found.problem, key: found.problem }];
