import { type AnonymousPull, anonymousPullOf } from '#model/cache/image-answers.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { imagesOf } from '#model/desired/desired-images.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { recordedAccess } from '../recorded-access.ts';

/** A cache with its images by repository. */
export type CacheRecord = {
  readonly cache: ImageCache;
  /** The service account of its pull Pods. */
  readonly serviceAccount: string;
  readonly imagesByRepository: ReadonlyMap<string, readonly CachedImage[]>;
  /** By desired hash: the index of each image by its normalised reference. */
  readonly indexes: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Whether its status is about the current spec. */
  readonly isObserved: boolean;
};

export type CachedImage = {
  /** As the spec spells it. */
  readonly image: string;
  readonly reference: string;
  /** '' if no kubelet has reported it. */
  readonly digest: string;
  /** Whether the status says who can start it: a former version does not. */
  readonly hasAccess: boolean;
  /** Undefined if it is not known. */
  readonly anonymousPull: AnonymousPull | undefined;
};

/** Prepares a cache for look-ups. `usualAccount`: the operator's setting for caches that name no service account. */
export function cacheRecord(cache: ImageCache, object: unknown, usualAccount = ''): CacheRecord {
  const access = recordedAccess(object);
  const everyList = cache.spec.lists.map((_, index) => index);
  const cached = imagesOf(cache, everyList).map((image): CachedImage => {
    const reference = normalisedReference(image);
    const digest = parseImageReference(image).digest || (ownEntry(cache.status.digests, image) ?? '');
    const anonymousPull = anonymousPullOf(cache.status.anonymousPulls, image);
    return { image, reference, digest, hasAccess: access.has(reference), anonymousPull };
  });
  const indexes = Object.keys(cache.status.desired).map(
    (hash) =>
      [hash, new Map(ledgerImages(cache, hash).map((image, index) => [normalisedReference(image), index]))] as const,
  );
  return {
    cache,
    serviceAccount: (cache.spec.serviceAccountName ?? usualAccount) || 'default',
    imagesByRepository: Map.groupBy(cached, ({ image }) => repositoryOf(image)),
    indexes: new Map(indexes),
    isObserved: cache.status.observedGeneration === cache.generation,
  };
}

/** The part of a reference by which kubelets record credentials: without tag and digest. */
export function repositoryOf(image: string): string {
  const { registry, repository } = parseImageReference(image);
  return `${registry}/${repository}`;
}
