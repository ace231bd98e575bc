import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { PullPolicy } from '#model/cache/spec-fields.ts';
import { isMovingReference } from '#model/text/image-reference.ts';

/** The imagePullPolicy of an image: Always for `:latest` and untagged images, as Kubernetes defaults it. */
export function pullPolicyOf(image: string, cache: ImageCache, settings: Settings): PullPolicy {
  const policy = cache.spec.imagePullPolicy ?? settings.imagePullPolicy;
  return policy === 'Always' || isMovingReference(image) ? 'Always' : 'IfNotPresent';
}
