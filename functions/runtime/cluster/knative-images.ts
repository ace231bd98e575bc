import { BoundedMap } from '#model/text/bounded-map.ts';
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

/** `isComplete`: there are no others. */
export type ImageListing = { readonly images: readonly KnativeImage[]; readonly isComplete: boolean };

/** Sentences that are remembered as logged, at most. */
const maxLogged = 1000;

/** The Images of Knative, and the caches that are created for them. */
export function knativeImages(api: Api, namespaces: Namespaces, log: Pick<Logger, 'warn'> | undefined) {
  const logged = new BoundedMap<string, true>(maxLogged);
  return {
    /** Those in these of the namespaces that this process may see. */
    list: async (served: Settings['knativeImages'], signal: AbortSignal): Promise<ImageListing> =>
      listImages(
        api,
        signal,
        served === 'all'
          ? pathsWithin(namespaces, imagesIn)
          : served.filter((each) => isWithin(namespaces, each)).map(imagesIn),
      ),
    /** Replaces the status of the version that was read. An Image that has changed or is gone is left to the next event. */
    writeStatus: async (image: KnativeImage, status: KnativeImage['status']): Promise<void> => {
      const path = `${paths.namespaced(revisions.api, revisions.plural, image)}/status`;
      const body = [
        { op: 'replace', path: '/metadata/resourceVersion', value: image.resourceVersion },
        { op: 'add', path: '/status', value: status },
      ];
      const contentType = 'application/json-patch+json';
      await unless(isMoot, api.request({ method: 'PATCH', path, contentType, body, accept: onlyMetadata }));
    },
    /** Creates the cache for the Images of a namespace, unless there is one of its name. */
    make: async (namespace: string): Promise<void> => {
      const path = paths.caches(namespace);
      await unless(isConflict, api.request({ method: 'POST', path, body: madeCache(namespace), accept: onlyMetadata }));
    },
    /** Deletes the version of the cache that was read. */
    remove: async (cache: ImageCache): Promise<void> => {
      const { uid, resourceVersion } = cache;
      const body = { propagationPolicy: 'Background', preconditions: { uid, resourceVersion } };
      await unless(isMoot, api.request({ method: 'DELETE', path: paths.cache(cache), body }));
    },
    /** Logs a sentence once for as long as this process runs: its cause lasts until somebody changes something. */
    warnOnce: (sentence: string): void => {
      if (logged.has(sentence)) return;
      logged.set(sentence, true);
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
