import { expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { aCache, aPod, changed, completed, missing, scene, type Scene } from './scene.ts';

const image = 'registry.example/app:2';

/** A cache on so many nodes of an image that the registry says it does not have. */
async function begun(count: number): Promise<Scene> {
  const on = scene();
  on.nodes(...Array.from({ length: count }, (_, index) => `node-${index}`));
  on.registry.resolve(image, { type: 'absent' });
  on.cache({ cacheSpec: [{ images: [image] }] });
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  return on;
}

/** Kubelets report this of all Jobs. Returns the names of the Jobs. */
async function report(on: Scene, status: object): Promise<readonly string[]> {
  const jobs = on.jobs();
  const [first, ...others] = jobs.map((job) => aPod(on.pod(job, status)));
  if (first !== undefined) await jobComplete(changed(first, { more: others }), on.context);
  return jobs;
}

const states = (on: Scene): ReadonlySet<string> =>
  new Set(Object.values(on.live().status.nodes).map(({ state }) => state));

it(
  'a tag that does not exist costs four Jobs on a thousand nodes, in less than 15 s',
  { timeout: 60_000 },
  async () => {
    const start = performance.now();
    const on = await begun(1000);
    const first = await report(on, missing(0));
    const second = await report(on, missing(0));
    expect(new Set([...first, ...second]).size).toBe(4);
    expect(on.jobs()).toEqual([]);
    expect(states(on)).toEqual(new Set(['Failed']));
    expect(on.live().status).toMatchObject({ status: 'Failed', reason: 'ImageCacheCreate' });
    expect(performance.now() - start).toBeLessThan(15_000);
  },
);

it('a tag that only nodes can see is pulled by two of them, then by all', async () => {
  const on = await begun(40);
  expect(await report(on, completed(0))).toHaveLength(2);
  expect(await report(on, completed(0))).toHaveLength(38);
  expect(states(on)).toEqual(new Set(['Ready']));
});

it('the registry is asked for images that are new to many nodes, at an edit too', async () => {
  const on = await begun(17);
  expect(on.registry.newRequests().map(({ reference }) => reference)).toEqual([image]);
  await report(on, completed(0));
  await report(on, completed(0));
  on.edit({ cacheSpec: [{ images: [image, 'registry.example/tool:3'] }] });
  await reconcile(changed(aCache), on.context);
  expect(on.registry.newRequests().map(({ reference }) => reference)).toEqual(['registry.example/tool:3']);
});

it('the registry is not asked for few nodes', async () => {
  const on = await begun(16);
  expect(on.registry.newRequests()).toEqual([]);
  expect(on.jobs()).toHaveLength(16);
});
