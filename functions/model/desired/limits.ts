import type { ImageCache, Spec } from '#model/cache/image-cache.ts';
import { ownLists } from '#model/cache/found-images.ts';
import type { Limits, Settings } from '#model/cache/settings.ts';
import { tenancyLimit } from '#model/cache/tenancy.ts';

/** Why a cache is refused: what it asks for beyond the operator's limits, with the setting; undefined if it is served. */
export function exceededLimit(cache: ImageCache, limits: Limits): string | undefined {
  const { spec } = cache;
  const { count, bytes } = sizeOf(spec);
  const { pullDeadlineSeconds = 0 } = spec;
  const measured: readonly (readonly [value: number, most: number, what: string, setting: string])[] = [
    [count, limits.images, `spec.cacheSpec lists ${count} images`, 'MAX_IMAGES'],
    [bytes, limits.imageBytes, `the references in spec.cacheSpec have ${bytes} bytes`, 'MAX_IMAGE_BYTES'],
    [
      pullDeadlineSeconds,
      limits.pullDeadline / 1000,
      `spec.pullDeadlineSeconds is ${pullDeadlineSeconds}`,
      'MAX_PULL_DEADLINE',
    ],
  ];
  const above = measured.find(([value, most]) => most !== 0 && value > most);
  if (above !== undefined) return `${above[2]}, and ${above[3]} allows ${above[1]}`;
  return tenancyLimit(cache, limits) ?? priorityLimit(spec, limits) ?? metadataLimit(spec, limits);
}

/** Sizes of specs that were computed before: a spec is checked once for each node. */
const sizes = new WeakMap<Spec, { readonly count: number; readonly bytes: number }>();

function sizeOf(spec: Spec): { readonly count: number; readonly bytes: number } {
  const known = sizes.get(spec);
  if (known !== undefined) return known;
  const images = ownLists(spec).flatMap((list) => list.images);
  const size = { count: images.length, bytes: images.reduce((sum, { length }) => sum + length, 0) };
  sizes.set(spec, size);
  return size;
}

/** The priority class of the Pods of a cache; that of the operator if its own is not allowed, as when it is deleted. */
export function priorityClassOf({ spec }: ImageCache, { limits, jobPriorityClassName }: Settings): string {
  return priorityLimit(spec, limits) === undefined
    ? (spec.priorityClassName ?? jobPriorityClassName)
    : jobPriorityClassName;
}

/** A pull must not evict what is worth more to the operator. */
function priorityLimit({ priorityClassName = '' }: Spec, { priorityClasses }: Limits): string | undefined {
  if (priorityClassName === '' || priorityClasses.includes(priorityClassName)) return undefined;
  return `spec.priorityClassName is ${priorityClassName}, which PRIORITY_CLASSES does not allow`;
}

/** By labels and annotations, others change Pods and count them as theirs. The admission policy allows the same keys. */
function metadataLimit({ podMetadata: { labels, annotations } }: Spec, limits: Limits): string | undefined {
  const isAllowed = (key: string): boolean => limits.podMetadataKeys.some((allowed) => covers(allowed, key));
  const key = [...Object.keys(labels), ...Object.keys(annotations)].find((name) => !isAllowed(name));
  return key === undefined
    ? undefined
    : `spec.podMetadata has the key ${key.slice(0, 100)}, which POD_METADATA_KEYS does not allow`;
}

/** `example.com/*` stands for all keys of that domain. */
const covers = (allowed: string, key: string): boolean =>
  allowed === key || (allowed.endsWith('/*') && key.startsWith(allowed.slice(0, -1)));
