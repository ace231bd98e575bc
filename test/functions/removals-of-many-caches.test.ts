import { expect, it } from 'vitest';
import { boundedLimiter } from '#runtime/api/limits.ts';
import { createBounds } from '#runtime/bounds.ts';
import { purge } from '../../functions/purge.ts';
import { refresh } from '../../functions/refresh.ts';
import { argsOf, asked, ends, removals, removed, type RemovalJob } from './removal-scene.ts';
import { aCache, aJob, cachePath, changed, completed, podsPath, scene, tick, type Scene } from './scene.ts';

/** Caches of one node that are all to be purged at once. */

const names = Array.from({ length: 12 }, (_, index) => `cache-${index}`);
const imageOf = (name: string): string => `${name}:1`;

async function purging(): Promise<Scene> {
  const plain = scene();
  const removalDecisions = boundedLimiter(createBounds().removal_decisions);
  const on = { ...plain, context: { ...plain.context, removalDecisions } };
  for (const name of names) on.cache({ cacheSpec: [{ images: [imageOf(name)] }] }, name);
  on.nodes('node-1');
  await refresh(tick, on.context);
  for (const job of on.jobs()) on.pod(job, completed(0));
  await refresh(tick, on.context);
  for (const { metadata } of on.api.list(podsPath)) on.api.remove(`${podsPath}/${metadata.name}`);
  for (const name of names) {
    const before = on.api.read(cachePath(name));
    on.api.put(cachePath(name), { ...before, metadata: { ...before?.metadata, annotations: asked } });
  }
  return on;
}

const ofCache = (name: string) => ({
  ...changed({ ...aCache, name }),
  cache: { namespace: 'apps', name },
});

const unended = (on: Scene): readonly RemovalJob[] =>
  removals(on).filter((job) => !JSON.stringify(job).includes('"Complete"'));

const cacheOf = (job: RemovalJob): string =>
  argsOf(job).flatMap((arg) => (arg.startsWith('--remove=') ? [arg.slice('--remove='.length, -2)] : []))[0] ?? '';

/** The Pod of a removal ends, then its Job, and events report both. */
async function endRemoval(on: Scene, job: RemovalJob): Promise<void> {
  const name = cacheOf(job);
  const path = `/apis/batch/v1/namespaces/kube-fledged/jobs/${job.metadata.name}`;
  const report = () =>
    purge(
      {
        ...changed({ ...aJob(job.metadata.name), namespace: 'kube-fledged' }, { isRemoval: true }),
        cache: { namespace: 'apps', name },
      },
      on.context,
    );
  ends(on, job, [removed(imageOf(name))]);
  await report();
  on.api.put(path, {
    ...on.api.read(path),
    status: { conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: '2026-11-24T12:00:00Z' }] },
  });
  await report();
}

it('have one removal Pod on a node at a time, and each is purged when those before it have ended', async () => {
  const on = await purging();
  await Promise.all(names.map((name) => purge(ofCache(name), on.context)));
  const order: string[] = [];
  for (let [job, ...more] = unended(on); job !== undefined; [job, ...more] = unended(on)) {
    expect(more).toEqual([]);
    order.push(cacheOf(job));
    await endRemoval(on, job);
  }
  expect(order.toSorted()).toEqual(names.toSorted());
  for (const name of names) expect(on.live(name).status).toMatchObject({ status: 'Succeeded', placements: [] });
});

it('go on by the tick if no event reports that a removal has ended', async () => {
  const on = await purging();
  await Promise.all(names.map((name) => purge(ofCache(name), on.context)));
  const [first] = unended(on);
  if (first === undefined) throw new Error('no removal has begun');
  on.api.remove(`/apis/batch/v1/namespaces/kube-fledged/jobs/${first.metadata.name}`);
  const name = cacheOf(first);
  on.api.remove(cachePath(name));
  await purge(tick, on.context);
  expect(unended(on).map(cacheOf)).toHaveLength(1);
  expect(unended(on).map(cacheOf)).not.toContain(name);
});
