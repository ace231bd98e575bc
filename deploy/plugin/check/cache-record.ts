import * as z from 'zod/mini';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { imagesOf } from '#model/desired/desired-images.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/** Who can start an image without the registry, by the kubelets' records: `status.images[].access`. */
export const accessWords = ['Anyone', 'PullSecrets', 'ServiceAccount', 'Unknown'] as const;
export type Access = (typeof accessWords)[number];

/** What a registry answers without credentials; '' if that is not known. */
export type AnonymousPull = 'Allowed' | 'Denied' | '';

/** A cache with its images by repository. */
export type CacheRecord = {
  readonly cache: ImageCache;
  /** The service account of its pull Pods. */
  readonly serviceAccount: string;
  readonly imagesByRepository: ReadonlyMap<string, readonly CachedImage[]>;
  /** By desired hash: the index of each image by its normalised reference. */
  readonly indexes: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** By node: indexes of images that only the cache's credentials can start there. Nodes of which that is not known are absent. */
  readonly lockedImages: Readonly<Record<string, readonly number[]>>;
  /** Whether its status is about the current spec. */
  readonly isObserved: boolean;
  /** When its last round ended, in epoch milliseconds; undefined while one is open. */
  readonly settledAt: number | undefined;
};

export type CachedImage = {
  /** As the spec spells it. */
  readonly image: string;
  readonly reference: string;
  /** '' if no kubelet has reported it. */
  readonly digest: string;
  readonly access: Access;
  readonly anonymousPull: AnonymousPull;
};

const recorded = z.object({
  status: z.optional(
    z.object({
      images: z.optional(
        z.array(
          z.object({
            image: z.string(),
            access: z.catch(z.optional(z.enum(accessWords)), 'Unknown'),
            anonymousPull: z.catch(z.optional(z.enum(['Allowed', 'Denied'])), undefined),
          }),
        ),
      ),
      nodes: z.optional(z.record(z.string(), z.object({ lockedImages: z.optional(z.array(z.number())) }))),
    }),
  ),
});

/** Reads what the status of a cache says about access. `usualAccount`: the operator's setting for caches that name none. */
export function cacheRecord(cache: ImageCache, object: unknown, usualAccount = ''): CacheRecord {
  const { images = [], nodes = {} } = recorded.parse(object).status ?? {};
  const accessOf = new Map(images.map((each) => [normalisedReference(each.image), each]));
  const everyList = cache.spec.lists.map((_, index) => index);
  const cached = imagesOf(cache, everyList).map((image): CachedImage => {
    const reference = normalisedReference(image);
    const { access = 'Unknown', anonymousPull = '' } = accessOf.get(reference) ?? {};
    const digest = parseImageReference(image).digest || (ownEntry(cache.status.digests, image) ?? '');
    return { image, reference, digest, access, anonymousPull };
  });
  const indexes = Object.entries(cache.status.desired).map(
    ([hash, lists]) =>
      [hash, new Map(imagesOf(cache, lists).map((image, index) => [normalisedReference(image), index]))] as const,
  );
  return {
    cache,
    serviceAccount: (cache.spec.serviceAccountName ?? usualAccount) || 'default',
    imagesByRepository: Map.groupBy(cached, ({ image }) => repositoryOf(image)),
    indexes: new Map(indexes),
    lockedImages: Object.fromEntries(
      Object.entries(nodes).flatMap(([name, { lockedImages }]) =>
        lockedImages === undefined ? [] : [[name, lockedImages]],
      ),
    ),
    isObserved: cache.status.observedGeneration === cache.generation,
    settledAt: cache.status.status === 'Processing' ? undefined : cache.status.completionTime,
  };
}

/** The part of a reference by which kubelets record credentials: without tag and digest. */
export function repositoryOf(image: string): string {
  const { registry, repository } = parseImageReference(image);
  return `${registry}/${repository}`;
}
