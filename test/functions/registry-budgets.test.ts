import { expect, it } from 'vitest';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { quiet } from './begun.ts';
import {
  answerAll,
  cachePathIn,
  createIn,
  createOwn,
  drive,
  jobsIn,
  minute,
  sceneOf,
  statusIn,
  throttled,
} from './registry-scene.ts';
import { aCache, aPod, changed, completed, podsPath, type Scene, tick } from './scene.ts';

const registryBudgets = { 'docker.io': { pullsPerHour: 10 } };

const names = Array.from({ length: 12 }, (_, index) => `node-${index}`);
const spec = { cacheSpec: [{ images: ['app:1'] }] };
const cacheIn = (on: Scene, namespace: string, more: object = {}): void =>
  createIn(on, namespace, { ...spec, ...more });
const createAndDrive = async (on: Scene, namespace: string, more: object = {}): Promise<void> => {
  cacheIn(on, namespace, more);
  await drive(on, namespace);
};

it('a budget counts the pulls of the caches of all namespaces', async () => {
  const on = sceneOf(names, { registryBudgets });
  cacheIn(on, 'apps');
  cacheIn(on, 'other');
  await drive(on, 'apps');
  expect(jobsIn(on, 'apps')).toBe(8);
  await drive(on, 'other');
  expect(jobsIn(on, 'other')).toBe(2);
});

it('what another process has started counts, as it is in the statuses', async () => {
  const on = sceneOf(names, { registryBudgets });
  cacheIn(on, 'apps');
  cacheIn(on, 'other');
  await drive(on, 'apps');
  const other = { ...on, context: { ...on.context, cluster: createCluster(on.api) } };
  await drive(other, 'other');
  expect(jobsIn(on, 'other')).toBe(2);
});

it('a function that may not list caches counts its own', async () => {
  const on = sceneOf(names, { registryBudgets });
  cacheIn(on, 'apps');
  on.api.refuse(/^GET .*v1alpha2\/imagecaches/, refusal(403, 'Forbidden', 'no'), 99);
  await drive(on, 'apps');
  expect(jobsIn(on, 'apps')).toBe(8);
});

it('nodes that wait are served by the tick once the budget is free', async () => {
  const on = sceneOf(names, { registryBudgets });
  await createOwn(on, spec);
  await answerAll(on, completed(0));
  expect(on.live().status.message).toContain('4 nodes wait for docker.io until 13:00');
  on.wait(59 * minute);
  await refresh(tick, on.context);
  expect(on.jobs()).toEqual([]);
  on.wait(minute);
  await refresh(tick, on.context);
  expect(on.jobs()).toHaveLength(4);
  await answerAll(on, completed(0));
  expect(on.live().status.status).toBe('Succeeded');
});

it('ticks write nothing while nodes wait', async () => {
  const on = sceneOf(names, { registryBudgets });
  await createOwn(on, spec);
  await answerAll(on, completed(0));
  quiet(on);
  for (let turn = 0; turn < 3; turn += 1) {
    on.wait(minute);
    await refresh(tick, on.context);
    await purge(tick, on.context);
  }
  expect(quiet(on)).toEqual([]);
});

it('a 429 of a kubelet rests the registry for other caches that pull with the credentials of nodes', async () => {
  const on = sceneOf(['node-1']);
  await createAndDrive(on, 'apps');
  await answerAll(on, throttled);
  expect(statusIn(on, 'apps').message).toContain('1 node waits for docker.io until 12:05');
  await createAndDrive(on, 'other');
  expect(jobsIn(on, 'other')).toBe(0);
  expect(statusIn(on, 'other').message).toContain('1 node waits for docker.io until 12:05');
});

it('a 429 for a login of one namespace holds up no other', async () => {
  const on = sceneOf(['node-1']);
  await createAndDrive(on, 'apps', { imagePullSecrets: [{ name: 'used-up' }] });
  await answerAll(on, throttled);
  expect(statusIn(on, 'apps').message).toContain('waits for docker.io');
  await createAndDrive(on, 'other');
  expect(jobsIn(on, 'other')).toBe(1);
});

it('a 429 of a registry that a user runs rests that one only', async () => {
  const on = sceneOf(['node-1']);
  await createAndDrive(on, 'apps', { cacheSpec: [{ images: ['evil.example/docker.io/app:1'] }] });
  await answerAll(on, throttled);
  expect(Object.keys(statusIn(on, 'apps').registries)).toEqual(['evil.example']);
  await createAndDrive(on, 'other');
  expect(jobsIn(on, 'other')).toBe(1);
});

const throttledAt = (...urls: readonly string[]): object => {
  const message = `failed to copy: unexpected status from GET request to ${urls.join(' ')}: 429 Too Many Requests`;
  return {
    phase: 'Pending',
    containerStatuses: [{ name: 'image-0', state: { waiting: { reason: 'ErrImagePull', message } } }],
  };
};

it.each([
  { urls: ['https://registry-1.docker.io/v2/library/app/manifests/1'], others: 0 },
  { urls: ['https://evil.example/layer'], others: 1 },
  { urls: ['HTTP://evil.example?https://registry-1.docker.io/v2/'], others: 1 },
  { urls: ['https://registry-1.docker.io@evil.example/layer'], others: 1 },
  { urls: ['https://registry-1.docker.io/v2/library/app/blobs/1', 'https://evil.example/layer'], others: 1 },
])('a 429 of $urls, where an image can have its layers, leaves $others other nodes free', async ({ urls, others }) => {
  const on = sceneOf(['node-1']);
  await createAndDrive(on, 'apps');
  await answerAll(on, throttledAt(...urls));
  expect(statusIn(on, 'apps').message).toContain('1 node waits for docker.io');
  await createAndDrive(on, 'other');
  expect(jobsIn(on, 'other')).toBe(others);
});

it.each(['registry-1.docker.io/library/app:1', 'index.docker.io/app:1', 'Registry-1.Docker.IO:443/library/app:1'])(
  'a budget counts what %s pulls, as it is the same registry',
  async (image) => {
    const on = sceneOf(names, { registryBudgets });
    await createAndDrive(on, 'apps', { cacheSpec: [{ images: [image] }] });
    expect(jobsIn(on, 'apps')).toBe(8);
    expect(Object.keys(statusIn(on, 'apps').registries)).toEqual(['docker.io']);
  },
);

it('decisions of one process that begin at once keep a budget together', async () => {
  const on = sceneOf(names, { registryBudgets });
  for (const namespace of ['apps', 'other', 'third']) cacheIn(on, namespace);
  await Promise.all(['apps', 'other', 'third'].map(async (namespace) => drive(on, namespace)));
  const started = ['apps', 'other', 'third'].map((namespace) => jobsIn(on, namespace));
  expect(started.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(10);
});

it('they also wait for what a new process reads of others', async () => {
  const on = sceneOf(names, { registryBudgets });
  for (const namespace of ['apps', 'other', 'third']) cacheIn(on, namespace);
  await drive(on, 'apps');
  const next = { ...on, context: { ...on.context, cluster: createCluster(on.api) } };
  await Promise.all(['other', 'third'].map(async (namespace) => drive(next, namespace)));
  expect(jobsIn(on, 'other') + jobsIn(on, 'third')).toBe(2);
});

it('a listing of caches that fails is tried again by the next decision', async () => {
  const on = sceneOf(names, { registryBudgets });
  cacheIn(on, 'apps');
  cacheIn(on, 'other');
  await drive(on, 'apps');
  const next = { ...on, context: { ...on.context, cluster: createCluster(on.api) } };
  on.api.refuse(/^GET .*v1alpha2\/imagecaches/, refusal(400, 'BadRequest', 'no'), 1);
  await expect(drive(next, 'other')).rejects.toThrow();
  await drive(next, 'other');
  expect(jobsIn(on, 'other')).toBe(2);
});

it.each([
  ['a rest without end', { restsUntil: '9999-01-01T00:00:00Z', restSeconds: 300 }],
  ['pulls that count for ever', { pulls: 1_000_000, pullsUntil: '9999-01-01T00:00:00Z' }],
  ['fewer pulls than none', { pulls: -1_000_000, pullsUntil: '2026-11-24T12:30:00Z' }],
])('%s, of a clock that is wrong or by hand, is no news', async (_, use) => {
  const on = sceneOf(names, { registryBudgets });
  cacheIn(on, 'apps');
  on.api.put(cachePathIn('apps', 'web'), {
    ...on.api.read(cachePathIn('apps', 'web')),
    status: { format: 1, registries: { 'docker.io': use } },
  });
  await createAndDrive(on, 'other');
  expect(jobsIn(on, 'other')).toBeGreaterThan(0);
  expect(jobsIn(on, 'other')).toBeLessThanOrEqual(8);
  await drive(on, 'apps');
  expect(jobsIn(on, 'apps') + jobsIn(on, 'other')).toBeLessThanOrEqual(10);
});

it('a 429 for a login that admission adds holds up no other namespace', async () => {
  const on = sceneOf(['node-1']);
  await createAndDrive(on, 'apps');
  const [job = ''] = on.jobs();
  const pod = on.pod(job, throttled);
  const made = on.api.read(`${podsPath}/${pod}`);
  on.api.put(`${podsPath}/${pod}`, {
    ...made,
    spec: { initContainers: [{ name: 'noop' }], imagePullSecrets: [{ name: 'used-up' }] },
  });
  await jobComplete(changed(aPod(pod)), on.context);
  expect(statusIn(on, 'apps').registries['docker.io']).toMatchObject({ restsAlone: true });
  await createAndDrive(on, 'other');
  expect(jobsIn(on, 'other')).toBe(1);
});

it.each([
  { containers: [{ name: 'image-0', image: 'evil.example/app:1' }] },
  {
    containers: [{ name: 'image-0', image: 'noop:1' }],
    volumes: [{ name: 'image-0', image: { reference: 'evil.example/app:1' } }],
  },
])('a 429 of a Pod that a user made pull another image holds up no other namespace: %o', async (changes) => {
  const on = sceneOf(['node-1']);
  await createAndDrive(on, 'apps');
  const [job = ''] = on.jobs();
  const pod = on.pod(job, throttled);
  const made = on.api.read(`${podsPath}/${pod}`);
  on.api.put(`${podsPath}/${pod}`, { ...made, spec: { initContainers: [{ name: 'noop' }], ...changes } });
  await jobComplete(changed(aPod(pod)), on.context);
  await createAndDrive(on, 'other');
  expect(jobsIn(on, 'other')).toBe(1);
});

it('a cache that is deleted and created again has no budget of its own', async () => {
  const on = sceneOf(names, { registryBudgets });
  await createOwn(on, spec);
  expect(on.jobs()).toHaveLength(8);
  on.api.remove(cachePathIn('apps', 'web'));
  on.cache(spec, 'again');
  const again = { ...aCache, name: 'again' };
  await reconcile({ ...changed(again, { verb: 'add' }), cache: again }, on.context);
  expect(on.jobs()).toHaveLength(8);
});

it('other caches try a registry with one node as well when it has rested', async () => {
  const on = sceneOf(['node-1']);
  await createAndDrive(on, 'apps');
  await answerAll(on, throttled);
  on.nodes(...names);
  await createAndDrive(on, 'other');
  on.wait(5 * minute);
  await refresh(tick, on.context);
  expect([jobsIn(on, 'apps'), jobsIn(on, 'other')]).toEqual([1, 1]);
});

it('nothing is written while one node tries a registry that has rested', async () => {
  const on = sceneOf(names);
  await createOwn(on, spec);
  await answerAll(on, throttled);
  on.wait(5 * minute);
  await refresh(tick, on.context);
  expect(on.jobs()).toHaveLength(1);
  on.wait(20_000);
  await refresh(tick, on.context);
  quiet(on);
  on.wait(20_000);
  await refresh(tick, on.context);
  expect(quiet(on)).toEqual([]);
});

/** A cache of which four nodes wait until 13:00. */
async function waiting(): Promise<Scene> {
  const on = sceneOf(names, { registryBudgets });
  await createOwn(on, spec);
  await answerAll(on, completed(0));
  return on;
}

it('a purge does not wait for nodes that wait', async () => {
  const on = await waiting();
  on.annotate({ 'kubefledged.io/purge-imagecache': '' });
  await purge(changed(aCache), on.context);
  expect(on.live().status).toMatchObject({ reason: 'ImageCachePurge', nodes: {} });
  await refresh(tick, on.context);
  expect(on.live().status.message).not.toContain('docker.io');
});

it('a suspended cache starts no node when its wait is over, and goes on when it is resumed', async () => {
  const on = await waiting();
  on.edit({ ...spec, suspend: true });
  await reconcile(changed(aCache), on.context);
  on.wait(61 * minute);
  await refresh(tick, on.context);
  expect(on.jobs()).toEqual([]);
  on.edit(spec);
  await reconcile(changed(aCache), on.context);
  expect(on.jobs()).toHaveLength(4);
});

it('a round of one process for each function goes on by ticks alone', async () => {
  const on = await waiting();
  const process = () => ({ ...on.context, cluster: createCluster(on.api) });
  on.wait(60 * minute);
  await refresh(tick, process());
  const [first, ...more] = on.jobs().map((job) => aPod(on.pod(job, throttled)));
  expect(more).toHaveLength(3);
  if (first !== undefined) await jobComplete(changed(first, { more }), process());
  expect(on.jobs()).toEqual([]);
  on.wait(5 * minute);
  await refresh(tick, process());
  expect(on.jobs()).toHaveLength(1);
  for (const job of on.jobs()) on.pod(job, completed(0));
  await refresh(tick, process());
  for (const job of on.jobs()) on.pod(job, completed(0));
  await refresh(tick, process());
  expect(on.live().status).toMatchObject({ status: 'Succeeded' });
});
