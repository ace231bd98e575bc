import { pendingOf } from '#model/cache/image-states.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { aCache, changed, nodeNamed, scene, tick, type Scene } from './scene.ts';

/** A cache of a tag that may move, as its registry and its nodes tell of it. */

export const [one, two] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];

export const image = 'registry.example/app:latest';

export const minutes = (count: number): number => count * 60_000;

/** A cache of one image on two nodes, made while the registry said this of it, its first round over. */
export async function settled(
  word: Parameters<Scene['registry']['resolve']>[1] | undefined,
  on = scene(),
): Promise<Scene> {
  on.cache({ cacheSpec: [{ images: [image, 'registry.example/app:1'] }], imagePullSecrets: [{ name: 'login' }] });
  on.nodes('node-1', 'node-2');
  if (word !== undefined) on.registry.resolve(image, word);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  await come(on);
  on.registry.newRequests();
  on.api.newCalls();
  return on;
}

/** All Jobs end well, with these digests for the images; '' is none, as where images are mounted. */
export async function come(on: Scene, digests: readonly string[] = ['', '']): Promise<void> {
  for (const job of on.jobs()) on.pod(job, reporting(digests));
  await refresh(tick, on.context);
}

const reporting = (digests: readonly string[]): object => ({
  phase: 'Succeeded',
  containerStatuses: digests.map((digest, index) => ({
    name: `image-${index}`,
    imageID: digest === '' ? '' : `registry.example/app@${digest}`,
    state: { terminated: { exitCode: 0, reason: 'Completed' } },
  })),
});

export const due = async (on: Scene, after = minutes(16)): Promise<void> => {
  on.wait(after);
  await refresh(tick, on.context);
};

export const at = (digest: string): readonly string[] => [`registry.example/app@${digest}`, image];

export const told = (on: Scene) => on.live().status.knownDigests[image];

export const states = (on: Scene): readonly string[] =>
  Object.values(on.live().status.nodes).map((entry) =>
    [entry.state, ...(entry.state === 'Ready' ? [] : pendingOf(entry, 2))].join(' '),
  );

/** A node that lists images with these names. */
export const listing = (name: string, ...names: readonly (readonly string[])[]): object =>
  nodeNamed(name, {
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://1.7.24' },
      images: names.map((each) => ({ names: each })),
    },
  });

export const other = ['registry.example/app:1'];
