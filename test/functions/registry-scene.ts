import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { aCache, aPod, changed, scene, type Scene } from './scene.ts';

/** Caches of several namespaces that share a registry, and its answers to their nodes. */

export const minute = 60_000;

export const cachePathIn = (namespace: string, name = 'web'): string =>
  `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches/${name}`;

export function sceneOf(nodes: readonly string[], given: Parameters<typeof scene>[0] = {}): Scene {
  const on = scene(given);
  on.nodes(...nodes);
  return on;
}

/** Creates the cache of the scene, and handles that it was created. */
export async function createOwn(on: Scene, spec: object): Promise<void> {
  on.cache(spec);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
}

/** Creates a cache of images in a namespace of its own. */
export function createIn(on: Scene, namespace: string, spec: object, name = 'web'): void {
  const metadata = { name, namespace, uid: `uid-of-${namespace}-${name}`, generation: 1 };
  on.api.put(`/api/v1/namespaces/${namespace}`, { metadata: { name: namespace } });
  on.api.put(cachePathIn(namespace, name), { metadata, spec });
}

export const drive = async (on: Scene, namespace: string, name = 'web'): Promise<void> =>
  reconcile(
    { ...changed(aCache, { verb: 'add' }), object: { ...aCache, namespace, name }, cache: { namespace, name } },
    on.context,
  );

export const jobsIn = (on: Scene, namespace: string): number =>
  on.api.list(`/apis/batch/v1/namespaces/${namespace}/jobs`).length;

export const statusIn = (on: Scene, namespace: string, name = 'web') =>
  parseImageCache(on.api.read(cachePathIn(namespace, name))).status;

/** The status of a Pod whose kubelet got a 429. */
export const throttled = {
  phase: 'Pending',
  containerStatuses: [
    { name: 'image-0', state: { waiting: { reason: 'ErrImagePull', message: 'HEAD: 429 Too Many Requests' } } },
  ],
};

/** All pull Pods get this status, of which one event reports. */
export async function answerAll(on: Scene, status: object): Promise<void> {
  const [first, ...more] = on.jobs().map((job) => aPod(on.pod(job, status)));
  if (first !== undefined) await jobComplete(changed(first, { more }), on.context);
}
