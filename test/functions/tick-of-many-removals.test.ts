import { expect, it } from 'vitest';
import { maxNodesAge } from '#runtime/cluster/nodes.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { argsOf, asked, ends, orderOf, removals, removed } from './removal-scene.ts';
import { repetitions } from '../support/repetitions.ts';
import {
  aNode,
  aPod,
  cachePath,
  changed,
  completed,
  nodeNamed,
  nodePath,
  podsPath,
  scene,
  tick,
  type Scene,
} from './scene.ts';

/** So many that a listing for each would stand out; the time grows with the square, as each removal lists all of them. */
const count = repetitions(25, 50);
const names = Array.from({ length: count }, (_, index) => `cache-${index}`);
/** One that is driven in the middle of the tick, and one later. */
const [middle, late] = [names[count * 0.4], names[count * 0.8]];
const imageOf = (name: string): string => `${name}:1`;

/** Caches with an image each, which they have pulled to two nodes of their own: on one node, one removal would wait for another. */
async function manyPulled(of: object = {}): Promise<Scene> {
  const on = scene();
  for (const name of names) {
    on.cache({ cacheSpec: [{ images: [imageOf(name)], nodeSelector: { own: name } }], ...of }, name);
    for (const node of nodesOf(name)) putNode(on, node, { own: name });
  }
  await refresh(tick, on.context);
  for (const job of on.jobs()) on.pod(job, completed(0));
  await refresh(tick, on.context);
  for (const { metadata } of on.api.list(podsPath)) on.api.remove(`${podsPath}/${metadata.name}`);
  on.wait(maxNodesAge + 1);
  on.api.newCalls();
  return on;
}

const nodesOf = (name: string): readonly [string, string] => [`${name}-1`, `${name}-2`];

const putNode = (on: Scene, name: string, labels: object): void =>
  on.api.put(nodePath(name), nodeNamed(name, { metadata: { name, uid: `uid-of-${name}`, labels } }));

/** A user asks for a purge of all of them. */
function askAll(on: Scene): void {
  for (const name of names) {
    const before = on.api.read(cachePath(name));
    on.api.put(cachePath(name), { ...before, metadata: { ...before?.metadata, annotations: asked } });
  }
}

function endAll(on: Scene): void {
  for (const job of removals(on)) {
    const images = argsOf(job).flatMap((arg) => (arg.startsWith('--remove=') ? [arg.slice('--remove='.length)] : []));
    ends(
      on,
      job,
      images.map((image) => removed(image)),
    );
  }
}

const nodeListings = (on: Scene): number =>
  on.api.newCalls().filter((call) => call.startsWith('GET /api/v1/nodes')).length;

const imagesOfJobs = (on: Scene): number => new Set(removals(on).flatMap(argsOf)).size;

it(`lists Nodes once for ${count} caches that are to be purged`, async () => {
  const on = await manyPulled();
  askAll(on);
  await purge(tick, on.context);
  expect(removals(on)).toHaveLength(2 * count);
  expect(nodeListings(on)).toBe(1);
});

it(`lists Nodes once when the purges of ${count} caches end`, async () => {
  const on = await manyPulled();
  askAll(on);
  await purge(tick, on.context);
  endAll(on);
  on.wait(maxNodesAge + 1);
  nodeListings(on);
  await purge(tick, on.context);
  for (const name of names) {
    expect(on.live(name).status).toMatchObject({ status: 'Succeeded', placements: [] });
    expect(on.live(name).annotations).toEqual({});
  }
  expect(nodeListings(on)).toBe(1);
});

it(`lists Nodes once for ${count} caches whose images are to be removed when they are deleted`, async () => {
  const on = await manyPulled({ deletionPolicy: 'Purge' });
  await purge(tick, on.context);
  for (const name of names) expect(on.live(name).finalizers).toEqual(['kubefledged.io/purge']);
  expect(nodeListings(on)).toBe(1);
});

it('lists Nodes again when the tick lasts long', async () => {
  const on = await manyPulled();
  askAll(on);
  const { cluster } = on.context;
  const slow: typeof cluster.writeStatus = async (cache, status) => {
    on.wait(maxNodesAge / 20);
    return cluster.writeStatus(cache, status);
  };
  await purge(tick, { ...on.context, cluster: { ...cluster, writeStatus: slow } });
  expect(removals(on)).toHaveLength(2 * count);
  const listings = nodeListings(on);
  expect(listings).toBeGreaterThan(1);
  expect(listings).toBeLessThan(8);
});

/** Does something once, when a cache is driven of which the removal has not been decided yet. No other cache is read meanwhile. */
function meanwhile(on: Scene, work: () => Promise<void>): Scene['context'] {
  const { cluster } = on.context;
  let done: Promise<void> | undefined;
  const cache: typeof cluster.cache = async (reference) => {
    if (done === undefined && reference.name === middle) {
      expect(imagesOfJobs(on)).toBeGreaterThan(1);
      done = work();
    }
    await done;
    return cluster.cache(reference);
  };
  return { ...on.context, cluster: { ...cluster, cache } };
}

it('keeps what another cache has pulled since to a node that has got a label since', async () => {
  const on = await manyPulled();
  const last = imageOf(late ?? '');
  const [shared] = nodesOf(late ?? '');
  on.cache({ cacheSpec: [{ images: [last], nodeSelector: { pool: 'b' } }] }, 'other');
  await refresh(tick, on.context);
  askAll(on);
  const context = meanwhile(on, async () => {
    putNode(on, shared, { own: late, pool: 'b' });
    const other = { cache: { namespace: 'apps', name: 'other' } };
    await reconcile({ ...changed(aNode(shared)), ...other }, on.context);
    for (const job of on.jobs().filter((name) => name.startsWith('other')))
      await jobComplete({ ...changed(aPod(on.pod(job, completed(0)))), ...other }, on.context);
    expect(on.live('other').status.nodes[shared]?.state).toBe('Ready');
  });
  await purge(tick, context);
  const orders = removals(on).map(orderOf);
  expect(orders.filter((order) => order.includes(`--remove=${last}`))).toEqual([
    [`--remove=${last}`, `--keep=${last}`],
    [`--remove=${last}`],
  ]);
});

it('removes images from a node that has joined since', async () => {
  const on = await manyPulled();
  askAll(on);
  const last = late ?? '';
  const context = meanwhile(on, async () => {
    putNode(on, 'node-3', { own: last });
    const joined = { ...changed(aNode('node-3'), { verb: 'add' }), cache: { namespace: 'apps', name: last } };
    on.api.put(cachePath(last), { ...on.api.read(cachePath(last)), metadata: withoutAnnotations(on, last) });
    await reconcile(joined, on.context);
    for (const job of on.jobs().filter((name) => name.startsWith(last)))
      await jobComplete(
        { ...changed(aPod(on.pod(job, completed(0)))), cache: { namespace: 'apps', name: last } },
        on.context,
      );
    for (const { metadata } of on.api.list(podsPath)) on.api.remove(`${podsPath}/${metadata.name}`);
    expect(on.live(last).status.nodes['node-3']?.state).toBe('Ready');
    on.api.put(cachePath(last), {
      ...on.api.read(cachePath(last)),
      metadata: { ...on.api.read(cachePath(last))?.metadata, annotations: asked },
    });
  });
  await purge(tick, context);
  expect(Object.keys(on.live(last).status.removals)).toEqual([...nodesOf(last), 'node-3']);
});

function withoutAnnotations(on: Scene, name: string): object {
  return { ...on.api.read(cachePath(name))?.metadata, annotations: {} };
}
