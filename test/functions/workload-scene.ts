import { revisions } from '#model/workload/image-sources.ts';
import { workloadKinds } from '#model/workload/workload.ts';
import type { Settings } from '#model/cache/settings.ts';
import { refresh } from '../../functions/refresh.ts';
import { minutes } from './moving-tag.ts';
import { aCache, changed, completed, scene, tick, type Scene } from './scene.ts';

/** A cluster of memory with a cache that takes its images from workloads. */

export const appsOf = (plural: string): string => `/apis/apps/v1/namespaces/apps/${plural}`;
export const rollouts = {
  kind: 'Rollout',
  api: '/apis/argoproj.io/v1alpha1',
  plural: 'rollouts',
  template: ['spec', 'template'],
};
export const accountPath = (name: string): string => `/api/v1/namespaces/apps/serviceaccounts/${name}`;

export const workload = (name: string, template: object, labels: Readonly<Record<string, string>> = {}): object => ({
  metadata: { name, namespace: 'apps', labels },
  spec: { template: { spec: template } },
});
export const running = (...images: readonly string[]): { readonly containers: readonly object[] } => ({
  containers: images.map((image, index) => ({ name: `c${index}`, image })),
});

export const deploy = (
  on: Scene,
  name: string,
  template: object,
  labels: Readonly<Record<string, string>> = {},
): void => on.api.put(`${appsOf('deployments')}/${name}`, workload(name, template, labels));

/** A cache of the images of workloads of the kind Deployment, with one node. */
export function cacheOf(imagesFrom: object = {}, given: Partial<Settings> = {}, spec: object = {}): Scene {
  const on = scene({ workloadKinds: [...workloadKinds, revisions], ...given });
  on.cache({ cacheSpec: [{ imagesFrom: { kinds: ['Deployment'], ...imagesFrom } }], ...spec });
  on.nodes('node-1');
  return on;
}

export const created = changed(aCache, { verb: 'add' });
export const next = async (on: Scene, after = minutes(1)): Promise<void> => {
  on.wait(after);
  await refresh(tick, on.context);
};

/** Lets all Jobs end well. */
export async function pulled(on: Scene): Promise<void> {
  for (const job of on.jobs()) on.pod(job, completed(0, 1, 2, 3, 4));
  await refresh(tick, on.context);
}

export const found = (on: Scene) => on.live().status.found;
export const foundImages = (on: Scene): readonly string[] =>
  found(on).lists.flatMap(({ images }) => images.map(({ image }) => image));
export const images = (on: Scene): readonly string[] => on.live().spec.lists.flatMap((list) => list.images);
export const imagesOfJobs = (on: Scene): readonly (readonly string[])[] =>
  on.api.bodies('POST', '/jobs').map((body) => {
    const { spec } = body as { spec: { template: { spec: { containers: { image: string }[] } } } };
    return spec.template.spec.containers.map(({ image }) => image);
  });
