import type { ImageCache, ImageList, Spec } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { serviceAccountOf } from './access.ts';
import { hash } from '#model/text/hash.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { interned, type Interner } from '#model/text/interned.ts';
import { type Labelled, selectsNode } from './node-selector.ts';

/** What a node must have. */
export type DesiredImages = {
  /**
   * 8 hex digits over pull policy, pull secrets and images: a node whose ledger entry has another hash needs new Jobs.
   */
  readonly hash: string;
  /** Indexes of the lists in `spec.cacheSpec` that select the node. */
  readonly lists: readonly number[];
  /** Sorted, as spelled in the spec; each image once, however it is spelled. */
  readonly images: readonly string[];
};

/** The desired images of a node; undefined if no list selects it. */
export function desiredImages(cache: ImageCache, node: Labelled, settings: Settings): DesiredImages | undefined {
  const lists = cache.spec.lists.flatMap((list, index) => (lacksOwn(list) || !selectsNode(list, node) ? [] : [index]));
  return lists.length === 0 ? undefined : desiredImagesOf(cache, lists, settings);
}

/** A list that only takes images from workloads has them in other lists. */
export const lacksOwn = ({ images, imagesFrom }: ImageList): boolean => imagesFrom !== undefined && images.length === 0;

/** Values computed before, by spec: thousands of nodes share the same desired images. */
const interners = new WeakMap<Spec, Interner<DesiredImages>>();

/** The desired images of the nodes that these lists of the spec, given by index, select. */
export function desiredImagesOf(cache: ImageCache, lists: readonly number[], settings: Settings): DesiredImages {
  const policy = cache.spec.imagePullPolicy ?? settings.imagePullPolicy;
  const intern = interners.get(cache.spec) ?? interned();
  interners.set(cache.spec, intern);
  return intern(`${policy} ${serviceAccountOf(cache, settings)} ${lists.join()}`, () => {
    const images = imagesOf(cache, lists);
    return { hash: desiredHash(images, cache, settings), lists, images };
  });
}

/** The hash of sorted images, with the pull policy and the credentials by which nodes have to get them. */
export function desiredHash(images: readonly string[], cache: ImageCache, settings: Settings): string {
  const policy = cache.spec.imagePullPolicy ?? settings.imagePullPolicy;
  const account = serviceAccountOf(cache, settings);
  const credentials = [...cache.spec.imagePullSecrets.toSorted(), ...(account === '' ? [] : ['', account])];
  return hash(8, policy, ...credentials, '', ...images);
}

/** The images of these lists, sorted; each image once, in its first spelling. */
export const imagesOf = (cache: ImageCache, lists: readonly number[]): readonly string[] =>
  sortedImages(lists.flatMap((index) => cache.spec.lists[index]?.images ?? []));

export function sortedImages(images: readonly string[]): readonly string[] {
  const byName = new Map<string, string>();
  for (const image of images) {
    const name = normalisedReference(image);
    if (!byName.has(name)) byName.set(name, image);
  }
  return [...byName.values()].toSorted();
}
