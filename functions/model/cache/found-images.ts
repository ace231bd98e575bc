import * as z from 'zod/mini';
import {
  type LabelSelector,
  nodeMatchExpressions,
  toleration,
  type NodeMatchExpression,
  type Toleration,
} from './spec-schema.ts';
import { type Decoded, always, list, map, number, optional, record, required, storedAs, text, time } from './codec.ts';
import { hash } from '#model/text/hash.ts';
import type { ImageCache, ImageList, Spec } from './image-cache.ts';

/** `spec.cacheSpec[].imagesFrom`: the workloads of the cache's namespace whose images a list has besides its own. */
export type ImagesFrom = {
  /** Kinds of workloads, such as Deployment. */
  readonly kinds: readonly string[];
  /** Selects workloads by their labels. */
  readonly selector: LabelSelector;
  /** AsPods: of the nodes of the list, those on which the Pods of the workload may run. */
  readonly nodes: 'Selected' | 'AsPods';
  /** Seconds for which an image stays that no workload names any more. */
  readonly keepSeconds: number;
};

/** A term of a required node affinity, without its wrapper. */
const nodeSelectorTerm = {
  schema: z.pipe(
    z.object({ matchExpressions: nodeMatchExpressions }),
    z.transform(({ matchExpressions }): readonly NodeMatchExpression[] => matchExpressions),
  ),
  write: (matchExpressions: readonly NodeMatchExpression[]) => ({ matchExpressions }),
};

/** Where Pods may run: on nodes that match the node selector and one of the terms, and whose taints are tolerated. */
const foundPlacement = record({
  nodeSelector: always(map(required(z.string()))),
  /** Empty: no required node affinity. */
  terms: storedAs('nodeSelectorTerms', always(list(nodeSelectorTerm))),
  tolerations: always(list(required(toleration))),
});
export type FoundPlacement = Decoded<typeof foundPlacement>;

const foundImage = record({
  /** As the Pods spell it. */
  image: required(z.string()),
  /** Some of the workloads that name it, as `Deployment/web`. */
  workloads: always(list(required(z.string()))),
  /** How many name it; 0 while it is only kept. */
  workloadCount: number,
  /** Since when none names it; undefined while one does. */
  unnamedSince: time,
});
export type FoundImage = Decoded<typeof foundImage>;

/** Found images that the same nodes must have. */
const foundList = record({
  /** Index of the list in `spec.cacheSpec` whose workloads name them, when they were found. */
  list: required(z.number()),
  /** Identifies that list when an edit has moved it. */
  listHash: text,
  /** undefined: the nodes of that list. */
  pods: storedAs('placement', optional(foundPlacement)),
  /** Sorted by image. */
  images: always(list(foundImage)),
});
export type FoundList = Decoded<typeof foundList>;

const foundSecret = record({ name: required(z.string()), unnamedSince: time });
export type FoundSecret = Decoded<typeof foundSecret>;

/** The images that workloads named when the latest round opened, and who names them now. */
export const foundImages = record({
  lists: always(list(foundList)),
  /** Secrets that pull Pods name besides those of the spec. */
  pullSecrets: storedAs('imagePullSecrets', list(foundSecret)),
  /** When it was last recorded; undefined if it never was. */
  recordedAt: storedAs('recordedTime', time),
  /** What could not be read, or was too much, as sentences; '' if nothing. */
  problem: text,
});
export type FoundImages = Decoded<typeof foundImages>;

export const nothingFound: FoundImages = foundImages.schema.parse({});

/**
 * The cache with these found images in its spec: lists after its own ones, and pull secrets. The status keeps what was
 * found before, so that other images are handled like an edit of the spec.
 */
export function withFound(cache: ImageCache, found: FoundImages): ImageCache {
  return { ...cache, found, spec: specWith(cache.spec, found) };
}

export function specWith(spec: Spec, found: FoundImages): Spec {
  const own = { lists: ownLists(spec), secrets: ownPullSecrets(spec) };
  const indexes = listIndexes(found.lists, own.lists);
  const lists = found.lists.flatMap((each) =>
    listsOf(each, own.lists[indexes.get(each) ?? -1], spec.warmGate?.taintKey),
  );
  const secrets = found.pullSecrets.map(({ name }) => name).filter((name) => !own.secrets.includes(name));
  const hasFound = spec.foundPullSecrets.length > 0 || own.lists.length < spec.lists.length;
  if (lists.length === 0 && secrets.length === 0 && !hasFound) return spec;
  return {
    ...spec,
    lists: [...own.lists, ...lists],
    imagePullSecrets: [...own.secrets, ...secrets],
    foundPullSecrets: secrets,
  };
}

/** The lists that the user wrote. */
export const ownLists = ({ lists }: Pick<Spec, 'lists'>): readonly ImageList[] =>
  lists.filter(({ isFound }) => isFound !== true);

/** The pull secrets that the user wrote. */
export const ownPullSecrets = ({ imagePullSecrets, foundPullSecrets }: Spec): readonly string[] =>
  imagePullSecrets.filter((name) => !foundPullSecrets.includes(name));

export const findsImages = ({ lists }: Pick<Spec, 'lists'>): boolean =>
  lists.some(({ imagesFrom }) => imagesFrom !== undefined);

/** Identifies a list by the workloads and nodes that it selects, as an edit may move it to another index. */
export const listHash = ({ imagesFrom, nodeSelector, nodeMatchExpressions }: ImageList): string => {
  const { kinds = [], selector, nodes = '' } = imagesFrom ?? {};
  const labels = [Object.entries(selector?.matchLabels ?? {}).toSorted(), selector?.matchExpressions ?? []];
  return hash(8, JSON.stringify([kinds, labels, nodes, Object.entries(nodeSelector).toSorted(), nodeMatchExpressions]));
};

/**
 * Where lists of found images stand in the spec now. One that was edited at its place keeps its images; one that has left
 * the spec has no index.
 */
export function listIndexes(found: readonly FoundList[], own: readonly ImageList[]): ReadonlyMap<FoundList, number> {
  const hashes = own.map((list) => (list.imagesFrom === undefined ? undefined : listHash(list)));
  const known = new Set(found.map((each) => each.listHash));
  const indexOf = ({ list, listHash: of }: FoundList): number => {
    const here = hashes[list];
    if (here === of) return list;
    const moved = hashes.indexOf(of);
    const isEdited = here !== undefined && !known.has(here);
    return moved === -1 && isEdited ? list : moved;
  };
  return new Map(found.map((each) => [each, indexOf(each)] as const).filter(([, index]) => index !== -1));
}

/** Whether the found images differ from those of the latest round, so that a new one must open. */
export const hasNewFound = ({ found, status }: ImageCache): boolean => !hasSameImages(found, status.found);

export const hasSameImages = (a: FoundImages, b: FoundImages): boolean => a === b || signature(a) === signature(b);

/** Whether the spec is the one that the latest round was opened with. */
export function isSpecOfRound(cache: ImageCache): boolean {
  const { round, observedGeneration } = cache.status;
  return (round?.generation ?? observedGeneration ?? cache.generation) === cache.generation && !hasNewFound(cache);
}

/** Cached, since a decision compares them for each node. */
const signatures = new WeakMap<FoundImages, string>();

/** Equal if nodes must have the same images, pulled with the same secrets. */
function signature(found: FoundImages): string {
  const known = signatures.get(found);
  if (known !== undefined) return known;
  const text = JSON.stringify([
    found.lists.map(({ list, pods, images }) => [list, placementKey(pods), images.map(({ image }) => image)]),
    found.pullSecrets.map(({ name }) => name),
  ]);
  signatures.set(found, text);
  return text;
}

/** Cached, since thousands of workloads are compared for each list. */
const placementKeys = new WeakMap<FoundPlacement, string>();

/** Equal for Pods that may run on the same nodes. */
export function placementKey(pods: FoundPlacement | undefined): string {
  if (pods === undefined) return '';
  const known = placementKeys.get(pods);
  if (known !== undefined) return known;
  const key = JSON.stringify([Object.entries(pods.nodeSelector).toSorted(), pods.terms, pods.tolerations]);
  placementKeys.set(pods, key);
  return key;
}

/** A list for each term, one of which a node has to match; none if the spec no longer takes images from workloads there. */
function listsOf(
  { pods, images: found }: FoundList,
  list: ImageList | undefined,
  gateTaint: string | undefined,
): readonly ImageList[] {
  if (list?.imagesFrom === undefined) return [];
  const images = found.map(({ image }) => image);
  const { nodeSelector, nodeMatchExpressions } = list;
  if (pods === undefined) return [{ images, nodeSelector, nodeMatchExpressions, isFound: true }];
  const terms = pods.terms.length === 0 ? [[]] : pods.terms;
  return terms.map((term) => ({
    images,
    nodeSelector,
    nodeMatchExpressions: [...nodeMatchExpressions, ...Object.entries(pods.nodeSelector).map(isValue), ...term],
    tolerations: [...pods.tolerations, ...(gateTaint === undefined ? [] : [startupTaint(gateTaint)])],
    isFound: true,
  }));
}

const isValue = ([key, value]: [string, string]): NodeMatchExpression => ({ key, operator: 'In', values: [value] });

/** The warm gate removes this taint once the images are there. */
const startupTaint = (key: string): Toleration => ({ key, operator: 'Exists' });

/** Whose Pods need an image. */
export type ImageOrigin = {
  /** Some of the workloads that name it, as `Deployment/web`. */
  readonly workloads: readonly string[];
  /** How many name it; 0 while it is only kept. */
  readonly count: number;
};

/** Workloads that are named with an image, as in the status. */
const most = 3;

/** The images of a cache that workloads name or named. Those of several nodes are found several times. */
export function imageOrigins({ found }: ImageCache): ReadonlyMap<string, ImageOrigin> {
  const origins = new Map<string, ImageOrigin>();
  for (const { image, workloads, workloadCount } of found.lists.flatMap(({ images }) => images)) {
    const known = origins.get(image) ?? { workloads: [], count: 0 };
    const named = [...new Set([...known.workloads, ...workloads])].slice(0, most);
    origins.set(image, { workloads: named, count: known.count + workloadCount });
  }
  return origins;
}
