import { revisions } from '#model/workload/image-sources.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { type KnativeImage, parseKnativeImage } from '#model/knative/knative-image.ts';
import { madeCacheName } from '#model/knative/made-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Context } from '#runtime/handler.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { minutes } from './moving-tag.ts';
import { aPod, cachePath, completed, jobsPath, scene, tick, type Scene } from './scene.ts';

/** A cluster of memory with Images of Knative in the namespace `apps`. */

export const digest = (name: string): string =>
  `registry.example/${name}@sha256:${name.charCodeAt(0).toString(16).padStart(64, '0')}`;
export const imagesPath = '/apis/caching.internal.knative.dev/v1alpha1/namespaces/apps/images';
export const imagePath = (name: string): string => `${imagesPath}/${name}`;
export const revisionsPath = '/apis/serving.knative.dev/v1/namespaces/apps/revisions';
export const madePath = cachePath(madeCacheName);

export const knativeScene = (given: Partial<Settings> = {}, of: Partial<Pick<Context, 'log'>> = {}): Scene => {
  const on = scene({ knativeImages: 'all', workloadKinds: [revisions], ...given }, of);
  on.nodes('node-1', 'node-2');
  return on;
};

/** As Knative writes one for a container of a Revision. */
export const putImage = (on: Scene, name: string, image = digest(name), spec: object = {}): void =>
  on.api.put(imagePath(name), {
    metadata: {
      ...{ name, namespace: 'apps', generation: 1 },
      ownerReferences: [{ apiVersion: 'serving.knative.dev/v1', kind: 'Revision', name, uid: `uid-of-${name}` }],
    },
    spec: { image, ...spec },
  });

export const image = (on: Scene, name: string): KnativeImage => parseKnativeImage(on.api.read(imagePath(name)));
export const ready = (on: Scene, name: string) => image(on, name).ready;
export const made = (on: Scene): ImageCache => parseImageCache(on.api.read(madePath));

const reference = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', namespace: 'apps', name: madeCacheName };

/** What our source sends for an Image, whether the cache is there or not. */
export const ofImages = {
  type: 'change',
  verb: 'update',
  object: reference,
  cache: { namespace: 'apps', name: madeCacheName },
  changed: [reference],
} as const;

/** What happens when the made cache was added. */
export const added = { ...ofImages, verb: 'add', changed: undefined } as const;

/** Makes the cache and opens its first round. */
export async function begin(on: Scene): Promise<void> {
  await reconcile(ofImages, on.context);
  await reconcile(added, on.context);
}

/** Lets the Job of one node end, or those of all. */
export async function pull(on: Scene, status: (images: number) => object, count = Infinity): Promise<void> {
  for (const job of on.jobs().slice(0, count)) {
    const { spec } = on.api.read(`${jobsPath}/${job}`) as unknown as {
      spec: { template: { spec: { containers: unknown[] } } };
    };
    const pod = on.pod(job, status(spec.template.spec.containers.length));
    const object = aPod(pod);
    const { cache } = ofImages;
    await jobComplete({ type: 'change', verb: 'update', object, cache, changed: [object] }, on.context);
  }
}

export const succeeded = (images: number): object => completed(...Array.from({ length: images }, (_, index) => index));

export async function nextTick(on: Scene, after = minutes(1)): Promise<void> {
  on.wait(after);
  await refresh(tick, on.context);
}

export const statusWrites = (on: Scene): number =>
  on.api.calls.filter((call) => /^PATCH \S*\/images\/\S*\/status/.test(call)).length;
