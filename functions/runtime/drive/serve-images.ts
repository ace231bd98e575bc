import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { imageStatus, type KnativeImage } from '#model/knative/knative-image.ts';
import { readinessIn } from '#model/knative/image-readiness.ts';
import { isEmptied, isMade, madeCacheName } from '#model/knative/made-cache.ts';
import { deadline } from '#runtime/api/limits.ts';
import { boundTable } from '#runtime/bounds.ts';
import type { ImageListing } from '#runtime/cluster/knative-images.ts';
import type { CacheListing } from '#runtime/cluster/objects.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { cacheSubject, isolated } from '../log-failure.ts';
import { isNamespaceTerminating } from './carry-out.ts';
import { shareOfCalls } from '../api/limits.ts';

/** Whether a cache has the name of those that are created for Images, in a namespace whose Images are served. */
export const isForImages = ({ namespace, name }: CacheReference, { knativeImages }: Settings): boolean =>
  name === madeCacheName && (knativeImages === 'all' || knativeImages.includes(namespace));

type Serving = {
  readonly reference: CacheReference;
  /** Whether the calling function opens rounds: the others lack the right to create the cache. */
  readonly opensRounds: boolean;
};

/**
 * Creates the cache for the Images of a namespace if it is missing, and writes their conditions. A failure is logged and fails
 * nothing else.
 */
export async function serveImages({ reference, opensRounds }: Serving, context: Context): Promise<void> {
  const { namespace } = reference;
  await isolated(
    cacheSubject(reference),
    async () => {
      const listing = await readImages([namespace], context);
      if (listing === undefined) return;
      // After the Images, so that a condition is never replaced by one of an older cache.
      const cache = await context.cluster.cache(reference);
      if (cache !== undefined || opensRounds) await serve({ namespace, ...listing }, cache, context);
    },
    context,
  );
}

/** Reads all Images that are served; undefined if they cannot be read, which is logged. */
async function readAllImages(context: Context): Promise<ImageListing | undefined> {
  const { knativeImages } = context.settings;
  if (knativeImages.length === 0) return undefined;
  let listing: ImageListing | undefined;
  await isolated(
    { cache: madeCacheName },
    async () => void (listing = await readImages(knativeImages, context)),
    context,
  );
  return listing;
}

/** Serves the Images of all namespaces in a tick. Caches are listed after the Images, so that a condition is never replaced by one of an older cache. */
export async function serveImagesInTick(context: Context): Promise<void> {
  const images = await readAllImages(context);
  if (images === undefined) return;
  const work = async (): Promise<void> => serveAllImages(images, await context.cluster.listCaches(), context);
  await isolated({ cache: madeCacheName }, work, context);
}

/** Repairs in a tick what lost events left: for each namespace that has Images, or a cache that was created for some. */
export async function serveAllImages(
  { images, isComplete }: ImageListing,
  { caches, unreadable }: CacheListing,
  context: Context,
): Promise<void> {
  const byNamespace = Map.groupBy(images, ({ namespace }) => namespace);
  const known = new Map(
    caches.filter((cache) => isForImages(cache, context.settings)).map((cache) => [cache.namespace, cache]),
  );
  const left = new Set(unreadable.filter(({ name }) => name === madeCacheName).map(({ namespace }) => namespace));
  for (const namespace of new Set([...byNamespace.keys(), ...known.keys()])) {
    if (left.has(namespace)) continue;
    const served = { namespace, images: byNamespace.get(namespace) ?? [], isComplete };
    const cache = known.get(namespace);
    await isolated({ cache: `${namespace}/${madeCacheName}` }, () => serveInTick(served, cache, context), context);
    await context.turn?.();
  }
}

/** The Images, or undefined if a right or the kind is missing, which lasts until somebody changes it. */
async function readImages(
  of: Settings['knativeImages'],
  { cluster, signal }: Context,
): Promise<ImageListing | undefined> {
  const limit = deadline(boundTable.cache_workload_seconds.limit * 1000, [signal]);
  try {
    const listing = await cluster.knative.list(of, limit.signal);
    if (!listing.isComplete)
      cluster.knative.warnOnce('There are more Images of Knative than are read: some get no condition');
    return listing;
  } catch (error) {
    const problem = problemOf(error, 'list images of caching.internal.knative.dev');
    if (problem === undefined) throw error;
    cluster.knative.warnOnce(problem);
    return undefined;
  } finally {
    limit.clear();
  }
}

function problemOf(error: unknown, what: string): string | undefined {
  if (isNotFound(error)) return 'The cluster has no Images of Knative: KNATIVE_IMAGES has no effect';
  const isForbidden = error instanceof ApiError && error.status === 403;
  return isForbidden ? `The controller has no right to ${what}: KNATIVE_IMAGES needs it` : undefined;
}

type Served = ImageListing & { readonly namespace: string };

async function serveInTick(served: Served, cache: ImageCache | undefined, context: Context): Promise<void> {
  const { images, isComplete } = served;
  if (cache !== undefined && images.length === 0 && isComplete && isEmptied(cache)) await remove(cache, context);
  else await serve(served, cache, context);
}

async function serve(
  { namespace, images }: Pick<Served, 'namespace' | 'images'>,
  cache: ImageCache | undefined,
  context: Context,
) {
  const present = images.filter(({ isBeingDeleted }) => !isBeingDeleted);
  if (cache === undefined) {
    if (present.length > 0) await make(namespace, context);
    return;
  }
  if (cache.isBeingDeleted) return;
  if (present.length > 0 && !isMade(cache))
    context.cluster.knative.warnOnce(
      `ImageCache ${namespace}/${cache.name} was created by somebody else and is left as it is: Images there are not cached`,
    );
  await writeStatuses(present, cache, context);
}

async function make(namespace: string, { cluster, log }: Context): Promise<void> {
  const what = `create ImageCache ${namespace}/${madeCacheName}`;
  try {
    await cluster.knative.make(namespace);
    log.info({ cache: `${namespace}/${madeCacheName}` }, 'created a cache for Images of Knative');
  } catch (error) {
    if (isNamespaceTerminating(error)) return;
    const isRefused = error instanceof ApiError && (error.status === 403 || error.status === 422);
    if (!isRefused) throw error;
    cluster.knative.warnOnce(`The controller may not ${what}: ${error.message}`);
  }
}

async function remove(cache: ImageCache, { cluster, log }: Context): Promise<void> {
  try {
    await cluster.knative.remove(cache);
    log.info(cacheSubject(cache), 'deleted a cache, as its namespace has no Images of Knative');
  } catch (error) {
    const problem = problemOf(error, `delete ImageCache ${cache.namespace}/${cache.name}`);
    if (problem === undefined) throw error;
    cluster.knative.warnOnce(problem);
  }
}

/** Writes the conditions that changed, some at once. A failure to write one is no reason to leave out others. */
async function writeStatuses(images: readonly KnativeImage[], cache: ImageCache, context: Context): Promise<void> {
  const { cluster, now, signal } = context;
  const readinessOf = readinessIn(cache);
  const writes = images.flatMap((image) => {
    if (image.isTooLarge) return [];
    const status = imageStatus(image, readinessOf(image), now());
    return status === undefined ? [] : [() => cluster.knative.writeStatus(image, status)];
  });
  const written = shareOfCalls(writes.slice(0, boundTable.knative_image_writes.limit), signal);
  await Promise.allSettled(written);
  try {
    await Promise.all(written);
  } catch (error) {
    const problem = problemOf(error, 'patch images/status of caching.internal.knative.dev');
    if (problem === undefined) throw error;
    cluster.knative.warnOnce(problem);
  }
}
