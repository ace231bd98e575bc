import { hash } from '#model/text/hash.ts';
import type { ImageCache, ImageList, NodeMatchExpression, Spec } from '#model/cache/image-cache.ts';
import { isMovingReference, normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import type { Node } from '#model/node/node.ts';
import { interned, type Interner } from '#model/text/interned.ts';
import type { PullPolicy, Settings } from '#model/cache/settings.ts';
import type { World } from '#model/world.ts';

/** What a node must hold. */
export type DesiredImages = {
  /** Hash of it all: a node needs work when the want in its ledger entry is another. */
  readonly hash: string;
  /** Indexes of the lists in `spec.cacheSpec` that select the node. */
  readonly lists: readonly number[];
  /** Sorted, each image once however it is spelled. */
  readonly images: readonly string[];
};

/** What this cache wants on a node; undefined if no list selects it. */
export function desiredImages(cache: ImageCache, node: Node, settings: Settings): DesiredImages | undefined {
  const lists = cache.spec.lists.flatMap((list, index) => (selects(list, node) ? [index] : []));
  return lists.length === 0 ? undefined : desiredImagesOf(cache, lists, settings);
}

/** What was made of a spec before: thousands of nodes want the same. */
const made = new WeakMap<Spec, Interner<DesiredImages>>();

/** What a cache wants on nodes that these of its lists select. */
export function desiredImagesOf(cache: ImageCache, lists: readonly number[], settings: Settings): DesiredImages {
  const policy = cache.spec.imagePullPolicy ?? settings.imagePullPolicy;
  const share = made.get(cache.spec) ?? interned();
  made.set(cache.spec, share);
  return share(`${policy} ${lists.join()}`, () => {
    const images = imagesOf(cache, lists);
    return { hash: hash(8, policy, ...cache.spec.imagePullSecrets.toSorted(), '', ...images), lists, images };
  });
}

/** The sorted images of some lists, each once. */
export function imagesOf(cache: ImageCache, lists: readonly number[]): readonly string[] {
  const byName = new Map<string, string>();
  for (const index of lists)
    for (const image of cache.spec.lists[index]?.images ?? []) {
      const name = normalisedReference(image);
      if (!byName.has(name)) byName.set(name, image);
    }
  return [...byName.values()].toSorted();
}

/** How a kubelet is to pull an image: what may have moved is always asked for again. */
export function pullPolicyOf(image: string, cache: ImageCache, settings: Settings): PullPolicy {
  const policy = cache.spec.imagePullPolicy ?? settings.imagePullPolicy;
  return policy === 'Always' || isMovingReference(image) ? 'Always' : 'IfNotPresent';
}

/** Whether the image behind a reference may be another one by now, so that only the registry can tell. What a digest names never is. */
export const mayMove = (image: string, cache: ImageCache, settings: Settings): boolean =>
  pullPolicyOf(image, cache, settings) === 'Always' && parseImageReference(image).digest === '';

/** Whether the node's own list proves an image to be there in the version that is wanted. */
export function isProvenPresent(image: string, node: Node, policy: PullPolicy): boolean {
  return policy === 'IfNotPresent' && node.images.has(normalisedReference(image));
}

/**
 * Whether the node's own list proves an image not to be there. A list that is full, or with an entry whose names are, may leave it out;
 * an empty one tells nothing.
 */
export const isAbsent = (image: string, node: Node): boolean =>
  node.isImageListComplete && node.images.size > 0 && !node.images.has(normalisedReference(image));

/** Whether a list is for a node: both selectors must hold. */
export function selects(list: Omit<ImageList, 'images'>, node: Node): boolean {
  return (
    Object.entries(list.nodeSelector).every(([key, value]) => node.labels[key] === value) &&
    list.nodeMatchExpressions.every((expression) => matches(expression, node.labels[expression.key]))
  );
}

/** core/v1 NodeSelectorRequirement: NotIn holds for a missing label, Gt and Lt compare integers. */
function matches({ operator, values }: NodeMatchExpression, label: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return label !== undefined;
    case 'DoesNotExist':
      return label === undefined;
    case 'Gt':
    case 'Lt':
      return isBeyond(operator, label, values[0]);
  }
}

function isBeyond(operator: 'Gt' | 'Lt', label: string | undefined, bound: string | undefined): boolean {
  if (label === undefined || bound === undefined || !/^-?\d+$/.test(label) || !/^-?\d+$/.test(bound)) return false;
  return operator === 'Gt' ? BigInt(label) > BigInt(bound) : BigInt(label) < BigInt(bound);
}
/** What each want stands for. A want that is missing here can not be judged until all nodes have been seen. */
export type DesiredByHash = ReadonlyMap<string, DesiredImages>;
/** The wants that the status remembers, unless a changed setting has made them mean something else. */
export function knownDesired({ settings }: World, cache: ImageCache): readonly (readonly [string, DesiredImages])[] {
  return Object.entries(cache.status.desired).flatMap(([want, lists]) => {
    const wanted = desiredImagesOf(cache, lists, settings);
    return wanted.hash === want ? [[want, wanted] as const] : [];
  });
}
/** The nodes of which is known how they are: where all were looked at, the ledger's others are known to be gone. */
export const observedNodes = ({ observed }: World, ledger: Readonly<Record<string, unknown>>): ReadonlySet<string> =>
  new Set([...(observed.hasAllNodes ? Object.keys(ledger) : []), ...observed.nodes.keys()]);
