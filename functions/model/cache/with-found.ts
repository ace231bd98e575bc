import type { FoundImages, FoundList, FoundPlacement } from './found-images.ts';
import type { ImageCache, ImageList, NodeMatchExpression, Spec, Toleration } from './image-cache.ts';

/**
 * The cache with these found images in its spec: lists after its own ones, and pull secrets. The status keeps what was
 * found before, so that other images are handled like an edit of the spec.
 */
export function withFound(cache: ImageCache, found: FoundImages): ImageCache {
  return { ...cache, found, spec: specWith(cache.spec, found) };
}

export function specWith(spec: Spec, found: FoundImages): Spec {
  const own = { lists: ownLists(spec), secrets: ownPullSecrets(spec) };
  const lists = found.lists.flatMap((each) => listsOf(each, own.lists, spec.warmGate?.taintKey));
  const secrets = found.pullSecrets.map(({ name }) => name).filter((name) => !own.secrets.includes(name));
  if (lists.length === 0 && secrets.length === 0 && own.lists.length === spec.lists.length) return spec;
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

/** Whether the spec has other found images than the round that the status is of: that calls for a round. */
export const hasNewFound = ({ found, status }: ImageCache): boolean => !hasSameImages(found, status.found);

export const hasSameImages = (a: FoundImages, b: FoundImages): boolean => a === b || signature(a) === signature(b);

/** Whether the spec is the one that the latest round was opened with. */
export function isSpecOfRound(cache: ImageCache): boolean {
  const { round, observedGeneration } = cache.status;
  return (round?.generation ?? observedGeneration ?? cache.generation) === cache.generation && !hasNewFound(cache);
}

/** Computed before: a decision asks for each node. */
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

/** Equal for Pods that may run on the same nodes. */
export const placementKey = (pods: FoundPlacement | undefined): string =>
  pods === undefined
    ? ''
    : JSON.stringify([Object.entries(pods.nodeSelector).toSorted(), pods.terms, pods.tolerations]);

/** A list for each term, one of which a node has to match; none if the spec no longer takes images from workloads there. */
function listsOf(
  { list: index, pods, images: found }: FoundList,
  own: readonly ImageList[],
  gateTaint: string | undefined,
): readonly ImageList[] {
  const list = own[index];
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
