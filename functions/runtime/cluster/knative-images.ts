import type { Logger } from 'pino';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { type KnativeImage, parseKnativeImage } from '#model/knative/knative-image.ts';
import { madeCache } from '#model/knative/made-cache.ts';
import { revisions } from '#model/workload/image-sources.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { onlyMetadata } from '#runtime/api/answer.ts';
import { isWithin, type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';
import { boundTable } from '#runtime/bounds.ts';
import { isConflict, isNotFound, unless } from '#runtime/errors.ts';

/** The Images of Knative, and the caches that are created for them. Every method but `warnOnce` throws `ApiError` if the API server refuses. */
export type KnativeImages = {
  /** Those in these of the namespaces that this process may see. */
  readonly list: (of: Settings['knativeImages'], signal: AbortSignal) => Promise<ImageListing>;
  /** Replaces the status of the version that was read. An Image that has changed or is gone is left to the next event. */
  readonly writeStatus: (image: KnativeImage, status: KnativeImage['status']) => Promise<void>;
  /** Creates the cache for the Images of a namespace, unless there is one of its name. */
  readonly make: (namespace: string) => Promise<void>;
  /** Deletes the version of the cache that was read. */
  readonly remove: (cache: ImageCache) => Promise<void>;
  /** Logs a sentence once for as long as this process runs: its cause lasts until somebody changes something. */
  readonly warnOnce: (sentence: string) => void;
};

/** `isComplete`: there are no others. */
export type ImageListing = { readonly images: readonly KnativeImage[]; readonly isComplete: boolean };

/** Sentences that are remembered as logged, at most. */
const maxLogged = 1000;

export function knativeImages(api: Api, namespaces: Namespaces, log: Pick<Logger, 'warn'> | undefined): KnativeImages {
  const logged = new Set<string>();
  return {
    list: async (of, signal) =>
      listImages(
        api,
        signal,
        of === 'all'
          ? pathsWithin(namespaces, imagesIn)
          : of.filter((each) => isWithin(namespaces, each)).map(imagesIn),
      ),
    writeStatus: async (image, status) => unless(isMoot, writeStatus(api, image, status)),
    make: async (namespace) => {
      const call = {
        method: 'POST',
        path: paths.caches(namespace),
        body: madeCache(namespace),
        accept: onlyMetadata,
      } as const;
      await unless(isConflict, api.request(call));
    },
    remove: async (cache) => unless(isMoot, remove(api, cache)),
    warnOnce: (sentence) => {
      if (logged.has(sentence)) return;
      if (logged.size >= maxLogged) logged.clear();
      logged.add(sentence);
      log?.warn(sentence);
    },
  };
}

const isMoot = (error: unknown): boolean => isNotFound(error) || isConflict(error);

const imagesIn = (namespace?: string): string => paths.workloads(namespace, revisions);

async function listImages(api: Api, signal: AbortSignal, from: readonly string[]): Promise<ImageListing> {
  const [most, mostBytes] = [boundTable.knative_images.limit, boundTable.knative_image_bytes.limit];
  let bytes = 0;
  const read = await listItems(api, from, {
    bound: 'page_workloads',
    parse: (object) => {
      const image = parseKnativeImage(object, boundTable.knative_image_status_bytes.limit);
      bytes += JSON.stringify(image).length;
      return image;
    },
    isEnough: (items) => items.length > most || bytes > mostBytes,
    isOfUsers: true,
    signal,
  });
  return { images: read.slice(0, most), isComplete: read.length <= most && bytes <= mostBytes };
}

async function writeStatus(api: Api, image: KnativeImage, status: KnativeImage['status']): Promise<void> {
  const body = [
    { op: 'replace', path: '/metadata/resourceVersion', value: image.resourceVersion },
    { op: 'add', path: '/status', value: status },
  ];
  const path = `${paths.namespaced(revisions.api, revisions.plural, image)}/status`;
  const contentType = 'application/json-patch+json';
  await api.request({ method: 'PATCH', path, contentType, body, accept: onlyMetadata });
}

async function remove(api: Api, cache: ImageCache): Promise<void> {
  const { uid, resourceVersion } = cache;
  const body = { propagationPolicy: 'Background', preconditions: { uid, resourceVersion } };
  await api.request({ method: 'DELETE', path: paths.cache(cache), body });
}
