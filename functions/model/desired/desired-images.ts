import { type ImageCache, type ImageList, type Spec, isPurged } from '#model/cache/image-cache.ts';
import { isPending } from '#model/cache/image-states.ts';
import type { Settings } from '#model/cache/settings.ts';
import { serviceAccountOf } from './access.ts';
import { hash, interned, type Interner } from '#model/text/hash.ts';
import { normalisedReference, parseImageReference, isMovingReference } from '#model/text/image-reference.ts';
import { type Labelled, selectsNode } from './node-selector.ts';
import type { Node } from '#model/node/node.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { PullPolicy } from '#model/cache/spec-schema.ts';

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

/** The desired images of a node; undefined if no list selects it or the cache is purged. */
export const currentDesiredImages = (
  cache: ImageCache,
  node: Labelled,
  settings: Settings,
): DesiredImages | undefined => (isPurged(cache) ? undefined : desiredImages(cache, node, settings));

/** What a node must have regardless of its taints: these images are not removed, since a taint may pass and only keeps new pulls off. */
export const retainedDesired = (
  cache: ImageCache,
  { labels }: Pick<Node, 'labels'>,
  settings: Settings,
): DesiredImages | undefined => currentDesiredImages(cache, { labels }, settings);

export const retainedImages = (cache: ImageCache, node: Node, settings: Settings): readonly string[] =>
  retainedDesired(cache, node, settings)?.images ?? [];

/** Desired images by their hash. A hash that is missing here can only be evaluated once all nodes were observed. */
export type DesiredByHash = ReadonlyMap<string, DesiredImages>;

/** The desired images recorded in the status, without those whose hash differs since a setting has changed. */
export function knownDesired(cache: ImageCache, settings: Settings): readonly (readonly [string, DesiredImages])[] {
  return Object.entries(cache.status.desired).flatMap(([hash, lists]) => {
    const desired = desiredImagesOf(cache, lists, settings);
    return desired.hash === hash ? [[hash, desired] as const] : [];
  });
}

/** The images that the next attempt of a node pulls, or that the present one does; none if its images are not known. */
export const pendingImages = (entry: LedgerEntry, desired: DesiredImages | undefined): readonly string[] =>
  desired?.images.filter((_, index) => isPending(entry, index)) ?? [];

/** The moving images that are desired on at least one of these nodes, sorted, as spelled in the spec. */
export const movingImages = (
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] =>
  imagesDesiredOn(cache, nodes, settings).filter((image) => isMovingImage(image, cache, settings));

/** The images that are desired on at least one of these nodes, sorted, as spelled in the spec. */
export function imagesDesiredOn(
  cache: ImageCache,
  nodes: Iterable<Node | undefined>,
  settings: Settings,
): readonly string[] {
  const images = [...nodes].flatMap((node) => (node && desiredImages(cache, node, settings))?.images ?? []);
  return [...new Set(images)].toSorted();
}

/** Whether the reference may resolve to another digest by now, which only the registry knows. A digest never moves. */
const isMovingImage = (image: string, cache: ImageCache, settings: Settings): boolean =>
  pullPolicyOf(image, cache, settings) === 'Always' && parseImageReference(image).digest === '';

/** The imagePullPolicy of an image: Always for `:latest` and untagged images, as Kubernetes defaults it. */
export function pullPolicyOf(image: string, cache: ImageCache, settings: Settings): PullPolicy {
  const policy = cache.spec.imagePullPolicy ?? settings.imagePullPolicy;
  return policy === 'Always' || isMovingReference(image) ? 'Always' : 'IfNotPresent';
}
