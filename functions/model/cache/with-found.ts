import { hash } from '#model/text/hash.ts';
import type { FoundImages, FoundList, FoundPlacement } from './found-images.ts';
import type { ImageCache, ImageList, Spec } from './image-cache.ts';
import type { NodeMatchExpression, Toleration } from './spec-fields.ts';

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
