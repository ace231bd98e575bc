import { describe, expect, it } from 'vitest';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { minutes } from './moving-tag.ts';
import { argsOf, removals } from './removal-scene.ts';
import { unlimited } from './model/builders.ts';
import { aCache, changed, nodeNamed, nodePath, podsPath, tick, type Scene } from './scene.ts';
import {
  appsOf,
  cacheOf,
  created,
  deploy,
  found,
  foundImages,
  imagesOfJobs,
  next,
  pulled,
  running,
} from './workload-scene.ts';

const withoutPods = (on: Scene): void => {
  for (const pod of on.api.list(podsPath)) on.api.remove(`${podsPath}/${pod.metadata.name}`);
};

/** Images that removal Jobs are told to remove. */
async function removed(on: Scene): Promise<readonly string[]> {
  await purge(tick, on.context);
  return removals(on).flatMap((job) => argsOf(job).filter((arg) => arg.startsWith('--remove=')));
}

describe('a thousand lists of the same workloads with thousands of images', () => {
  it.each(['Selected', 'AsPods'])(
    'cost no more than one, on the nodes %s',
    async (nodes) => {
      const of = (pool: number) => ({
        nodeSelector: { pool: `p-${pool}` },
        imagesFrom: { kinds: ['Deployment'], nodes },
      });
      const on = cacheOf({}, {}, { cacheSpec: Array.from({ length: 1000 }, (_, pool) => of(pool)) });
      for (let index = 0; index < 30; index += 1)
        deploy(on, `web-${index}`, {
          ...running(...Array.from({ length: 900 }, (_, image) => `r.example.com/a:${index}-${image}`)),
          nodeSelector: { of: `n-${index}` },
          imagePullSecrets: Array.from({ length: 100 }, (_, secret) => ({ name: `s-${index}-${secret}` })),
        });
      await reconcile(created, on.context);
      expect(foundImages(on)).toHaveLength(1000);
      expect(found(on).pullSecrets).toHaveLength(64);
      expect(found(on).problem).toContain('different sets of nodes, of which 100 are served');
    },
    30_000,
  );
});

describe('a workload whose node affinity becomes longer than a bound', () => {
  const affinity = (count: number): object => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'zone', operator: 'NotIn', values: Array.from({ length: count }, (_, zone) => `zone-${zone}`) },
              ],
            },
          ],
        },
      },
    },
  });

  it('keeps the images that were found of it', async () => {
    const on = cacheOf({ nodes: 'AsPods', keepSeconds: 0 });
    deploy(on, 'web', { ...running('web:1'), ...affinity(2) });
    await reconcile(created, on.context);
    await pulled(on);
    deploy(on, 'web', { ...running('web:1'), ...affinity(600) });
    await next(on);
    await next(on);
    withoutPods(on);
    expect(await removed(on)).toEqual([]);
    expect(foundImages(on)).toEqual(['web:1']);
    expect(found(on).problem).toBe('Workloads whose node affinity and tolerations exceed 4096 bytes are ignored');
  });
});

describe('a clock that was ahead', () => {
  const year = minutes(365 * 24 * 60);

  it('does not keep the next round from opening, nor an image for longer than the list says', async () => {
    const on = cacheOf({ keepSeconds: 600 });
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    on.wait(year);
    deploy(on, 'web', running('web:2'));
    await next(on);
    await pulled(on);
    on.wait(-year);
    deploy(on, 'web', running('web:3'));
    await next(on);
    expect(imagesOfJobs(on).at(-1)).toContain('web:3');
    await pulled(on);
    await next(on, minutes(11));
    await next(on);
    expect(foundImages(on)).toEqual(['web:3']);
  });
});

describe('found images whose names are more than a record of placements may have', () => {
  it('are removed when no workload names them any more', async () => {
    const on = cacheOf({ keepSeconds: 0 });
    const names = Array.from({ length: 300 }, (_, index) => `r.example.com/${'a'.repeat(450)}:${1000 + index}`);
    for (let index = 0; index < 10; index += 1)
      deploy(on, `web-${index}`, running(...names.slice(index * 30, index * 30 + 30)));
    await reconcile(created, on.context);
    await allPulled(on);
    on.api.remove(`${appsOf('deployments')}/web-9`);
    await next(on);
    await allPulled(on);
    expect(await removed(on)).toHaveLength(30);
  });
});

/** Lets Jobs end until none is created any more. */
async function allPulled(on: Scene): Promise<void> {
  for (let turn = 0; turn < 40 && on.live().status.status === 'Processing'; turn += 1) {
    for (const job of on.jobs()) on.pod(job, completedAll);
    await next(on, 1000);
  }
  expect(on.live().status.status).toBe('Succeeded');
  withoutPods(on);
}

const completedAll = {
  phase: 'Succeeded',
  containerStatuses: Array.from({ length: 32 }, (_, index) => ({
    name: `image-${index}`,
    state: { terminated: { exitCode: 0, reason: 'Completed' } },
  })),
};

describe('an image for which there is no more room', () => {
  it('does not leave the nodes of one workload when another names it for others', async () => {
    const on = cacheOf({ nodes: 'AsPods', keepSeconds: 0 }, { limits: { ...unlimited, images: 1 } });
    for (const pool of ['a', 'b']) {
      const metadata = { name: pool, uid: `uid-of-${pool}`, labels: { pool } };
      on.api.put(nodePath(pool), nodeNamed(pool, { metadata }));
    }
    deploy(on, 'b', { ...running('web:1'), nodeSelector: { pool: 'b' } });
    await reconcile(created, on.context);
    await pulled(on);
    withoutPods(on);
    deploy(on, 'a', { ...running('web:1'), nodeSelector: { pool: 'a' } });
    await next(on);
    expect(await removed(on)).toEqual([]);
    expect(Object.keys(on.live().status.nodes)).toEqual(['b']);
    expect(found(on).problem).toContain('Workloads name 2 images, and 1 of them are left out');
  });
});

describe('more pull secrets than are used', () => {
  it('leave those that are known', async () => {
    const on = cacheOf();
    const secrets = (...names: readonly string[]): object => ({ imagePullSecrets: names.map((name) => ({ name })) });
    const known = Array.from({ length: 64 }, (_, index) => `s-${100 + index}`);
    deploy(on, 'web', { ...running('web:1'), ...secrets(...known) });
    await reconcile(created, on.context);
    await pulled(on);
    deploy(on, 'api', { ...running('api:1'), ...secrets('a-new-one') });
    await reconcile(changed(aCache), on.context);
    await next(on);
    expect(found(on).pullSecrets.map(({ name }) => name)).toEqual(known);
    expect(found(on).problem).toBe('Workloads name 65 pull secrets, of which 64 are used');
  });
});
