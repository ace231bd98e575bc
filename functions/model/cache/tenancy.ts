import { isImageReference, parseImageReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { type FoundImages, ownLists } from './found-images.ts';
import type { ImageCache, Spec } from './image-cache.ts';
import type { Limits } from './settings.ts';

/**
 * Who writes caches. Isolated: tenants who do not trust each other, with the patterns of images that the caches of each
 * namespace may have; those of `*` hold for every namespace. Trusted, as undefined: one team, which may have any image.
 */
export type TenantImages = Readonly<Record<string, readonly string[]>>;

/** The patterns for the caches of a namespace; undefined: any image. */
export function imagePatterns(namespace: string, { tenantImages }: TenantLimit): readonly string[] | undefined {
  if (tenantImages === undefined) return undefined;
  return [namespace, '*'].flatMap((key) => ownEntry(tenantImages, key) ?? []);
}

type TenantLimit = Pick<Limits, 'tenantImages'>;

/** Whether one of the patterns allows an image. Without a digest, a tag may be demanded: a digest can be of any tag. */
export function isAllowedImage(image: string, patterns: readonly string[] | undefined): boolean {
  if (patterns === undefined) return true;
  if (!isImageReference(image)) return false;
  const { registry, repository, tag, digest } = parseImageReference(image);
  const name = `${registry}/${repository}`;
  const tagged = digest === '' ? `${name}:${tag}` : undefined;
  const matches = (pattern: string): boolean =>
    pattern === name || pattern === tagged || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1)));
  return patterns.some(matches);
}

/**
 * Whether a text is a pattern of images, by the names that references have once Docker's defaults are filled in: one
 * repository, `docker.io/library/nginx`, with or without a tag; all below a path or a host, `registry.example.com/team/*`;
 * or any, `*`.
 */
export const isImagePattern = (text: string): boolean =>
  text === '*' || (acceptedPattern.test(text) && !/^(?:index\.docker\.io\/|docker\.io\/[^/*]+$)/.test(text));

const acceptedPattern = new RegExp(
  [
    '^([a-z0-9-]+(\\.[a-z0-9-]+)+(:[0-9]+)?|[a-z0-9-]+:[0-9]+|localhost|\\[[0-9a-f:]+\\](:[0-9]+)?)',
    '((/[a-z0-9]+([._-]+[a-z0-9]+)*)*/\\*',
    '|(/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?)$',
  ].join(''),
);

/** The first image outside of the patterns by spec, which is checked once for each node. */
const outside = new WeakMap<Spec, { readonly by: TenantImages; readonly image: string | undefined }>();

/** Why a cache is refused whose own lists have an image that its namespace may not have. Those of workloads are left out instead. */
export function tenancyLimit({ namespace, spec }: ImageCache, limits: TenantLimit): string | undefined {
  const { tenantImages: by } = limits;
  if (by === undefined) return undefined;
  const known = outside.get(spec);
  const patterns = imagePatterns(namespace, limits) ?? [];
  const image =
    known?.by === by
      ? known.image
      : ownLists(spec)
          .flatMap(({ images }) => images)
          .find((each) => !isAllowedImage(each, patterns));
  outside.set(spec, { by, image });
  if (image === undefined) return undefined;
  return `spec.cacheSpec lists ${image}, and TENANCY allows caches in namespace ${namespace} ${patternsText(patterns)}`;
}

const maxPatternsLength = 300;

/** The patterns within a length that leaves room in a message. */
function patternsText(patterns: readonly string[]): string {
  if (patterns.length === 0) return 'no image';
  let left = maxPatternsLength;
  const shown = patterns.filter(({ length }) => (left -= length + 2) >= 0);
  const more = patterns.length - shown.length;
  return `only ${[...shown, ...(more === 0 ? [] : [`${more} more`])].join(', ')}`;
}

/** What workloads named without images that the namespace may not have, as after a change of the setting. */
export function allowedFound(cache: Pick<ImageCache, 'found' | 'namespace'>, limits: TenantLimit): FoundImages {
  const patterns = imagePatterns(cache.namespace, limits);
  const isAllowed = ({ image }: { readonly image: string }): boolean => isAllowedImage(image, patterns);
  if (cache.found.lists.every(({ images }) => images.every(isAllowed))) return cache.found;
  const lists = cache.found.lists.map((list) => ({ ...list, images: list.images.filter(isAllowed) }));
  return { ...cache.found, lists: lists.filter(({ images }) => images.length > 0) };
}
