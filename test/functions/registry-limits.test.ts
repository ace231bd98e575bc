import { describe, expect, it } from 'vitest';
import type { RateLimit } from '#model/cache/registry-use.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { quiet } from './begun.ts';
import {
  answerAll,
  createIn,
  createOwn,
  drive,
  jobsIn,
  minute,
  sceneOf,
  statusIn,
  throttled,
} from './registry-scene.ts';
import { aCache, changed, completed, nodePath, type Scene, tick } from './scene.ts';

/** What registries answer about their limits when functions ask them for digests. */

const digest = `sha256:${'0'.repeat(64)}`;
const image = 'app:latest';
const names = Array.from({ length: 40 }, (_, index) => `node-${index}`);

/** Of an image that moves: registries are asked about it. */
const createAndDrive = async (on: Scene, namespace: string, more: object = {}, name = 'web'): Promise<void> => {
  createIn(on, namespace, { cacheSpec: [{ images: [image] }], ...more }, name);
  await drive(on, namespace, name);
};

const throttles = (on: Scene, limit: Partial<RateLimit> = {}, reference = image): void =>
  on.registry.resolve(reference, {
    type: 'unknown',
    reason: 'docker.io answered 429 Too Many Requests',
    limit: { left: 0, ms: undefined, hasLogin: false, ...limit },
  });

const leaves = (on: Scene, left: number, limit: Partial<RateLimit> = {}): void =>
  on.registry.resolve(image, { type: 'digest', digest, limit: { left, ms: undefined, hasLogin: false, ...limit } });

describe('a registry that answers 429 to a function', () => {
  it.each([
    [undefined, '12:05'],
    [150_000, '12:02'],
    [1000, '12:01'],
    [7_200_000, '13:00'],
  ])('that names %s ms rests until %s, without a pull', async (ms, until) => {
    const on = sceneOf(['node-1']);
    throttles(on, { ms });
    await createAndDrive(on, 'apps');
    expect(on.jobs()).toEqual([]);
    expect(statusIn(on, 'apps').message).toContain(`1 node waits for docker.io until ${until}`);
    expect(statusIn(on, 'apps').nodes['node-1']).toMatchObject({ reason: 'RegistryRests', attempt: 0 });
  });

  it('rests for the other caches of the namespace, which need not ask it', async () => {
    const on = sceneOf(['node-1']);
    throttles(on);
    await createAndDrive(on, 'apps');
    on.registry.newRequests();
    await createAndDrive(on, 'apps', { cacheSpec: [{ images: ['base:2'] }] }, 'other');
    expect(on.registry.newRequests()).toEqual([]);
    expect(jobsIn(on, 'apps')).toBe(0);
    expect(statusIn(on, 'apps', 'other').message).toContain('1 node waits for docker.io until 12:05');
  });

  it('rests for caches of other namespaces as well, which ask it first', async () => {
    const on = sceneOf(['node-1']);
    for (const reference of [image, 'base:2']) throttles(on, {}, reference);
    await createAndDrive(on, 'apps');
    await createAndDrive(on, 'other', { cacheSpec: [{ images: ['base:2'] }] });
    expect(jobsIn(on, 'other')).toBe(0);
    expect(statusIn(on, 'other').message).toContain('1 node waits for docker.io until 12:05');
  });

  it('is asked again when it has rested, and tried by one node if it names no limit', async () => {
    const on = sceneOf(names);
    throttles(on);
    await createOwn(on, { cacheSpec: [{ images: [image] }] });
    on.registry.newRequests();
    on.wait(4 * minute);
    await refresh(tick, on.context);
    expect(on.registry.newRequests()).toEqual([]);
    on.registry.resolve(image, digest);
    on.wait(minute);
    await refresh(tick, on.context);
    expect(on.registry.newRequests()).toHaveLength(1);
    expect(on.jobs()).toHaveLength(1);
    await answerAll(on, completed(0));
    expect(on.jobs()).toHaveLength(39);
  });

  it('is tried by one node after a rest that it asked for, whatever it answers us', async () => {
    const on = sceneOf(names);
    throttles(on);
    await createOwn(on, { cacheSpec: [{ images: [image] }] });
    on.wait(5 * minute);
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(1);
    await answerAll(on, throttled);
    expect(on.live().status.message).toContain('40 nodes wait for docker.io until 12:15');
    on.wait(10 * minute);
    await refresh(tick, on.context);
    expect(on.jobs()).toEqual([]);
    expect(on.live().status.message).toContain('40 nodes wait for docker.io until 12:35');
    on.wait(20 * minute);
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(1);
    await answerAll(on, completed(0));
    expect(on.jobs()).toHaveLength(39);
  });

  it('is not asked for a cache that is suspended', async () => {
    const on = sceneOf(['node-1']);
    throttles(on);
    await createOwn(on, { cacheSpec: [{ images: [image] }] });
    on.edit({ cacheSpec: [{ images: [image] }], suspend: true });
    await reconcile(changed(aCache), on.context);
    on.registry.newRequests();
    on.wait(6 * minute);
    await refresh(tick, on.context);
    expect(on.registry.newRequests()).toEqual([]);
  });

  it('writes nothing at ticks while it rests', async () => {
    const on = sceneOf(names);
    throttles(on);
    await createOwn(on, { cacheSpec: [{ images: [image] }] });
    quiet(on);
    for (let turn = 0; turn < 3; turn += 1) {
      on.wait(minute);
      await refresh(tick, on.context);
    }
    expect(quiet(on)).toEqual([]);
  });
});

describe('whom it does not hold up', () => {
  it('other registries: one that a user runs rests alone', async () => {
    const on = sceneOf(['node-1']);
    throttles(on, {}, 'evil.example/docker.io/app:latest');
    await createAndDrive(on, 'apps', { cacheSpec: [{ images: ['evil.example/docker.io/app:latest'] }] });
    expect(Object.keys(statusIn(on, 'apps').registries)).toEqual(['evil.example']);
    await createAndDrive(on, 'other', { cacheSpec: [{ images: ['base:2'] }] });
    expect(jobsIn(on, 'other')).toBe(1);
  });

  it('other namespaces, if it throttles the image of one', async () => {
    const on = sceneOf(['node-1']);
    throttles(on, { ms: 3_600_000 });
    on.registry.resolve('base:2', digest);
    await createAndDrive(on, 'apps');
    await createAndDrive(on, 'other', { cacheSpec: [{ images: ['base:2'] }] });
    expect(jobsIn(on, 'other')).toBe(1);
  });

  it('others, if it was asked with a login', async () => {
    const on = sceneOf(['node-1']);
    throttles(on, { hasLogin: true });
    await createAndDrive(on, 'apps', { imagePullSecrets: [{ name: 'used-up' }] });
    expect(statusIn(on, 'apps').registries['docker.io']).toMatchObject({ restsAlone: true });
    await createAndDrive(on, 'other', { cacheSpec: [{ images: ['base:2'] }] });
    expect(jobsIn(on, 'other')).toBe(1);
  });

  it.each([{ imagePullSecrets: [{ name: 'paid' }] }, { serviceAccountName: 'puller' }])(
    'nodes that pull with %o, if it was asked without a login',
    async (credentials) => {
      const on = sceneOf(['node-1']);
      throttles(on);
      await createAndDrive(on, 'apps', credentials);
      expect(jobsIn(on, 'apps')).toBe(1);
      expect(statusIn(on, 'apps').registries).toEqual({});
    },
  );

  it('no cache longer than the first rest, however many caches ask meanwhile', async () => {
    const on = sceneOf(['node-1']);
    throttles(on);
    await createAndDrive(on, 'apps');
    on.wait(4 * minute);
    await createAndDrive(on, 'apps', {}, 'other');
    expect(statusIn(on, 'apps', 'other').message).toContain('1 node waits for docker.io until 12:05');
  });
});

describe('a registry that says how much is left', () => {
  it('with enough for all nodes changes nothing', async () => {
    const on = sceneOf(names);
    leaves(on, 50);
    await createAndDrive(on, 'apps');
    expect(jobsIn(on, 'apps')).toBe(40);
    expect(statusIn(on, 'apps').registries).toEqual({});
  });

  it('is not asked for more, less ten for others; the other nodes wait until more is left', async () => {
    const on = sceneOf(names);
    leaves(on, 36, { ms: 1_800_000 });
    await createAndDrive(on, 'apps');
    expect(jobsIn(on, 'apps')).toBe(26);
    expect(statusIn(on, 'apps').message).toContain('14 nodes wait for docker.io until 12:30');
    await createAndDrive(on, 'apps', { cacheSpec: [{ images: ['base:2'] }] }, 'other');
    expect(jobsIn(on, 'apps')).toBe(26);
  });

  it('counts what nodes take of it while the round goes on', async () => {
    const on = sceneOf(names);
    leaves(on, 36, { ms: 1_800_000 });
    await createOwn(on, { cacheSpec: [{ images: [image] }], maxConcurrentNodes: 20 });
    expect(on.jobs()).toHaveLength(20);
    expect(on.live().status.registries['docker.io']).toMatchObject({ pullsLeft: 6 });
    await answerAll(on, completed(0));
    expect(on.jobs()).toHaveLength(6);
    expect(on.live().status.message).toContain('14 nodes wait for docker.io until 12:30');
    await answerAll(on, completed(0));
    leaves(on, 100);
    on.wait(30 * minute);
    await refresh(tick, on.context);
    await answerAll(on, completed(0));
    expect(on.live().status).toMatchObject({ status: 'Succeeded', registries: {} });
  });

  it.each([0, 10])('rests if that is no more than %i', async (left) => {
    const on = sceneOf(['node-1']);
    leaves(on, left);
    await createAndDrive(on, 'apps');
    expect(jobsIn(on, 'apps')).toBe(0);
    expect(statusIn(on, 'apps').message).toContain('1 node waits for docker.io until 12:05');
  });

  it('for seconds only is not left alone', async () => {
    const on = sceneOf(names);
    leaves(on, 3, { ms: 1000 });
    await createAndDrive(on, 'apps');
    expect(jobsIn(on, 'apps')).toBe(40);
  });

  it('is tried by a node that needs more than it ever has left', async () => {
    const on = sceneOf(['node-1']);
    leaves(on, 12, { ms: 60_000 });
    await createOwn(on, { cacheSpec: [{ images: [image, 'a:1', 'b:1', 'c:1'] }] });
    expect(on.jobs()).toEqual([]);
    on.wait(minute);
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(1);
  });

  it('says so of the login that it was asked with', async () => {
    const on = sceneOf(names);
    leaves(on, 36, { hasLogin: true });
    await createAndDrive(on, 'apps', { imagePullSecrets: [{ name: 'hub' }] });
    expect(jobsIn(on, 'apps')).toBe(26);
    await createAndDrive(on, 'other', { cacheSpec: [{ images: ['base:2'] }] });
    expect(jobsIn(on, 'other')).toBe(40);
  });
});

describe('a registry of which no node has an image', () => {
  const images = [{ names: ['registry.example.com/pause:1'] }];

  it('is tried by one node for all caches of a namespace, whatever events and ticks come', async () => {
    const on = sceneOf(['a', 'b']);
    for (const name of ['a', 'b']) {
      const node = on.api.read(nodePath(name));
      on.api.put(nodePath(name), { ...node, status: Object.assign({}, node?.['status'], { images }) });
    }
    const spec = { cacheSpec: [{ images: ['new.example.com/app:1'] }] };
    for (const name of ['one', 'two', 'three']) createIn(on, 'team', spec, name);
    await Promise.all(['one', 'two', 'three'].map(async (name) => drive(on, 'team', name)));
    for (const seconds of [1, 30, 60]) {
      on.wait(seconds * 1000);
      await refresh(tick, on.context);
      await drive(on, 'team', 'two');
      expect(jobsIn(on, 'team')).toBe(1);
    }
  });
});
