import { describe, expect, it } from 'vitest';
import type { Limits } from '#model/cache/settings.ts';
import { refresh } from '../../functions/refresh.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { unlimited } from './model/builders.ts';
import {
  aCache,
  aJob,
  aPod,
  cachePath,
  changed,
  completed,
  eventsPath,
  missing,
  podsPath,
  scene,
  type Scene,
  tick,
} from './scene.ts';
import { argsOf, orderOf, asked, ends, removals, removalsPath, removed } from './removal-scene.ts';

const limited = (of: Partial<Limits>) => scene({ limits: { ...unlimited, ...of } });
const listing = (...images: readonly string[]) => ({ cacheSpec: [{ images }] });
const plain = listing('app:1');
const added = (name: string) => ({
  ...changed({ ...aCache, name }, { verb: 'add' }),
  cache: { namespace: 'apps', name },
});

describe('a cache that exceeds a limit of the operator', () => {
  const refused: readonly (readonly [string, Partial<Limits>, object, string])[] = [
    [
      'too many images over all lists',
      { images: 2 },
      { cacheSpec: [{ images: ['a:1', 'b:1'] }, { images: ['c:1'] }] },
      'Refused: spec.cacheSpec lists 3 images, and MAX_IMAGES allows 2',
    ],
    [
      'references that are too long together',
      { imageBytes: 5 },
      listing('a:1', 'b:1'),
      'Refused: the references in spec.cacheSpec have 6 bytes, and MAX_IMAGE_BYTES allows 5',
    ],
    [
      'a deadline of 68 years',
      { pullDeadline: 7_200_000 },
      { ...plain, pullDeadlineSeconds: 2_147_483_647 },
      'Refused: spec.pullDeadlineSeconds is 2147483647, and MAX_PULL_DEADLINE allows 7200',
    ],
    [
      'a priority class of the system',
      {},
      { ...plain, priorityClassName: 'system-node-critical' },
      'Refused: spec.priorityClassName is system-node-critical, which PRIORITY_CLASSES does not allow',
    ],
    [
      'any priority class but that of the operator, if none is listed',
      {},
      { ...plain, priorityClassName: 'high' },
      'Refused: spec.priorityClassName is high, which PRIORITY_CLASSES does not allow',
    ],
    [
      'a priority class that is not allowed',
      { priorityClasses: ['low'] },
      { ...plain, priorityClassName: 'high' },
      'Refused: spec.priorityClassName is high, which PRIORITY_CLASSES does not allow',
    ],
    [
      'an image that its namespace may not have',
      { tenantImages: { apps: ['docker.io/library/app'], others: ['*'] } },
      listing('app:1', 'registry.example.com/others/web:1'),
      'Refused: spec.cacheSpec lists registry.example.com/others/web:1, and TENANCY allows caches in namespace apps only docker.io/library/app',
    ],
    [
      'an annotation of an injector',
      {},
      { ...plain, podMetadata: { annotations: { 'sidecar.istio.io/userVolume': '[]' } } },
      'Refused: spec.podMetadata has the key sidecar.istio.io/userVolume, which POD_METADATA_KEYS does not allow',
    ],
    [
      'an annotation of a container runtime',
      {},
      { ...plain, podMetadata: { annotations: { 'run.oci.handler': 'krun' } } },
      'Refused: spec.podMetadata has the key run.oci.handler, which POD_METADATA_KEYS does not allow',
    ],
    [
      'a label of another team’s PodDisruptionBudget',
      { podMetadataKeys: ['cost-center', 'example.com/*'] },
      { ...plain, podMetadata: { labels: { 'example.com/a': 'x', 'cost-center': '1', app: 'y', tier: 'web' } } },
      'Refused: spec.podMetadata has the key app, which POD_METADATA_KEYS does not allow',
    ],
    [
      'a domain that only begins like one that is allowed',
      { podMetadataKeys: ['example.com/*'] },
      { ...plain, podMetadata: { annotations: { 'example.com.evil/a': 'x' } } },
      'Refused: spec.podMetadata has the key example.com.evil/a, which POD_METADATA_KEYS does not allow',
    ],
  ];

  it.each(refused)('gets no Job, and its status says so: %s', async (_, limits, spec, message) => {
    const on = limited(limits);
    on.nodes('node-1');
    on.cache(spec);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    await refresh(tick, on.context);
    expect(on.jobs()).toEqual([]);
    const { status } = on.live();
    expect(status).toMatchObject({ status: 'Failed', message, observedGeneration: 1 });
    expect(status.conditions.map(({ type, status: is, reason }) => [type, is, reason])).toEqual([
      ['Ready', 'False', 'LimitExceeded'],
      ['Reconciling', 'False', 'LimitExceeded'],
      ['Stalled', 'True', 'LimitExceeded'],
    ]);
    expect(on.api.list(eventsPath).map(({ reason }) => reason)).toEqual(['LimitExceeded']);
  });

  it('is no reason to read Nodes, however often it is edited', async () => {
    const on = limited({ images: 1 });
    on.nodes('node-1');
    on.cache(listing('app', 'base'));
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.edit(listing('app', 'base', 'web'));
    await reconcile(changed(aCache), on.context);
    expect(on.live().status.message).toContain('lists 3 images');
    expect(on.api.newCalls().filter((call) => call.includes('/nodes'))).toEqual([]);
  });

  it('asks no registry for an image that its namespace may not have', async () => {
    const on = limited({ tenantImages: { apps: ['docker.io/library/app'] } });
    on.nodes('node-1');
    on.cache(listing('app', 'registry.example.com/others/web'));
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    await refresh(tick, on.context);
    expect(on.registry.newRequests()).toEqual([]);
    on.edit(listing('app'));
    await reconcile(changed(aCache), on.context);
    expect(on.registry.newRequests().map(({ reference }) => reference)).toEqual(['docker.io/library/app:latest']);
  });

  it('is written once, however often it is looked at, and asks no registry', async () => {
    const on = limited({ images: 1 });
    on.nodes('node-1');
    on.cache(listing('app', 'base'));
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    on.api.newCalls();
    await refresh(tick, on.context);
    await reconcile(changed(aCache), on.context);
    expect(on.api.newCalls().filter((call) => !call.startsWith('GET'))).toEqual([]);
  });

  it('loses the Jobs of its open round, and opens another once it is edited', async () => {
    const on = limited({ images: 2 });
    on.nodes('node-1');
    on.cache();
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    expect(on.jobs()).toHaveLength(1);
    on.edit(listing('a:1', 'b:1', 'c:1'));
    await reconcile(changed(aCache), on.context);
    expect(on.jobs()).toEqual([]);
    expect(on.live().status.status).toBe('Failed');
    on.edit(listing('a:1', 'b:1'));
    await reconcile(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', round: { number: 2, operation: 'Update' } });
    expect(on.live().status.conditions.find(({ type }) => type === 'Stalled')?.status).toBe('False');
  });

  it('is deleted without removing what it lists, but with removing what it had pulled', async () => {
    const on = limited({ images: 2 });
    on.nodes('node-1');
    const purged = { ...plain, deletionPolicy: 'Purge' };
    on.cache(purged);
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    await purge(changed(aCache), on.context);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    on.edit({ ...purged, ...listing('a:1', 'b:1', 'c:1') });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status.message).toContain('Refused');
    const stored = on.api.read(cachePath());
    on.api.put(cachePath(), {
      ...stored,
      metadata: { ...stored?.metadata, deletionTimestamp: '2026-11-24T12:00:00Z' },
    });
    await purge(changed(aCache), on.context);
    expect(removals(on).map((job) => argsOf(job).filter((argument) => argument.startsWith('--remove')))).toEqual([
      ['--remove=app:1'],
    ]);
  });

  const lowered = ({ context }: Scene) => ({
    ...context,
    settings: { ...context.settings, limits: { ...unlimited, images: 1 } },
  });

  async function served(on: Scene, name = 'web'): Promise<void> {
    await reconcile(added(name), on.context);
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, on.context);
    for (const { metadata } of on.api.list(podsPath)) on.api.remove(`${podsPath}/${metadata.name}`);
    expect(on.live(name).status.status).toBe('Succeeded');
  }

  async function purged(on: Scene, context = on.context): Promise<void> {
    on.annotate(asked);
    await purge(changed(aCache), context);
    for (const job of removals(on)) {
      ends(on, job, [removed('app:1'), removed('base:2')]);
      await purge(changed({ ...aJob(job.metadata.name), namespace: 'kube-fledged' }, { isRemoval: true }), context);
    }
    for (const { metadata } of removals(on)) on.api.remove(`${removalsPath}/${metadata.name}`);
    on.annotate({});
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { operation: 'Purge' } });
  }

  it('pulls again what others may have removed while it was refused', async () => {
    const on = limited({});
    on.nodes('node-1');
    on.cache(plain);
    on.cache(listing('app:1', 'base:2'), 'big');
    await served(on);
    await served(on, 'big');
    await refresh(tick, lowered(on));
    expect(on.live('big').status).toMatchObject({ status: 'Failed', nodes: {} });
    await purged(on, lowered(on));
    await refresh(tick, on.context);
    expect(on.live('big').status).toMatchObject({ status: 'Processing', nodes: { 'node-1': { state: 'Pulling' } } });
  });

  it('says that it is suspended once a limit that it exceeded is raised', async () => {
    const on = limited({});
    on.nodes('node-1');
    on.cache();
    await served(on);
    on.edit({ ...listing('app:1', 'base:2'), suspend: true });
    await refresh(tick, lowered(on));
    expect(on.live().status.message).toContain('Refused');
    await refresh(tick, on.context);
    const { status, message, conditions } = on.live().status;
    expect([status, message]).toEqual(['Aborted', expect.stringContaining('suspended')]);
    expect(conditions.map(({ type, status: is, reason }) => [type, is, reason])).toEqual([
      ['Ready', 'False', 'Suspended'],
      ['Reconciling', 'False', 'Suspended'],
      ['Stalled', 'False', 'Ok'],
    ]);
    on.api.newCalls();
    await refresh(tick, on.context);
    expect(on.api.newCalls().filter((call) => !call.startsWith('GET'))).toEqual([]);
  });

  it('pulls nothing after a purge and an edit, however often it is looked at', async () => {
    const on = limited({ images: 2 });
    on.nodes('node-1');
    on.cache(listing('app:1', 'base:2'));
    await served(on);
    await purged(on);
    on.edit(listing('a:1', 'b:1', 'c:1'));
    on.api.newCalls();
    for (let turn = 0; turn < 3; turn += 1) {
      await reconcile(changed(aCache), on.context);
      await refresh(tick, on.context);
      await purge(tick, on.context);
    }
    expect(on.api.newCalls().filter((call) => call.startsWith('POST') && call.includes('/jobs'))).toEqual([]);
    expect(on.live().status).toMatchObject({ status: 'Failed', round: { number: 2 } });
    expect(on.live().status.message).toContain('Refused');
    on.edit(listing('a:1', 'b:1'));
    await reconcile(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', round: { number: 3, operation: 'Update' } });
  });

  it('asks no registry and pulls nothing for a refresh that is requested after a purge', async () => {
    const on = limited({});
    on.nodes('node-1');
    on.cache(listing('app', 'base'));
    await served(on);
    await purged(on);
    const asked: string[] = [];
    const digest = (image: string) => {
      asked.push(image);
      return Promise.resolve({ type: 'absent' } as const);
    };
    on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
    on.api.newCalls();
    for (let turn = 0; turn < 3; turn += 1)
      await refresh(changed(aCache), { ...lowered(on), registry: { ...on.registry, digest } });
    expect(asked).toEqual([]);
    expect(on.api.newCalls().filter((call) => call.startsWith('POST') && call.includes('/jobs'))).toEqual([]);
  });

  it('stays purged while a limit is lowered and raised', async () => {
    const on = limited({});
    on.nodes('node-1');
    on.cache();
    await served(on);
    await purged(on);
    await refresh(tick, lowered(on));
    await refresh(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2, operation: 'Purge' } });
    expect(on.jobs()).toEqual([]);
  });

  it('has no image removed that its namespace may no longer have', async () => {
    const on = limited({});
    on.nodes('node-1');
    on.cache();
    await served(on);
    on.annotate(asked);
    const tenantImages = { apps: ['docker.io/library/app'] };
    const isolated = { ...on.context, settings: { ...on.context.settings, limits: { ...unlimited, tenantImages } } };
    on.edit(listing('app:1'));
    await purge(changed(aCache), isolated);
    expect(removals(on).map((job) => argsOf(job).filter((argument) => argument.startsWith('--remove')))).toEqual([
      ['--remove=app:1'],
    ]);
  });

  it('ends a purge that runs when a limit is lowered', async () => {
    const on = limited({});
    on.nodes('node-1');
    on.cache();
    await served(on);
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    await refresh(tick, lowered(on));
    await purged(on, lowered(on));
  });

  it('is served at the next tick once the operator raises the limit', async () => {
    const on = limited({ images: 1 });
    on.nodes('node-1');
    on.cache();
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    const raised = { ...on.context, settings: { ...on.context.settings, limits: unlimited } };
    await refresh(tick, raised);
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, raised);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 1, operation: 'Create' } });
  });
});

describe('a cache of kube-fledged that exceeds a limit', () => {
  const two = listing('app:1', 'base:2');
  const left = { status: 'Succeeded', reason: 'ImageCacheCreate', message: 'from kube-fledged' };

  /** A scene in which the cache was refused; `raised` is the context of the operator who then raises the limit. */
  async function refusedWith(status: object) {
    const on = limited({ images: 1 });
    on.nodes('node-1');
    on.cache(two);
    on.api.put(cachePath(), { ...on.api.read(cachePath()), status });
    await refresh(tick, on.context);
    expect(on.live().status.conditions.find(({ type }) => type === 'Stalled')).toMatchObject({
      ...{ status: 'True', reason: 'LimitExceeded' },
      message: 'Refused: spec.cacheSpec lists 2 images, and MAX_IMAGES allows 1',
    });
    expect(on.jobs()).toEqual([]);
    return { on, raised: { ...on.context, settings: { ...on.context.settings, limits: unlimited } } };
  }

  it('is adopted without a round or a Job once the limit is raised', async () => {
    const { on, raised } = await refusedWith(left);
    await refresh(tick, raised);
    expect(on.live().status).toMatchObject({
      ...left,
      observedGeneration: 1,
      round: { number: 0, trigger: 'Adopted' },
      nodes: { 'node-1': { state: 'Ready', attempt: 0 } },
    });
    expect(on.live().status.conditions.map(({ type, status }) => [type, status])).toEqual([
      ['Ready', 'True'],
      ['Reconciling', 'False'],
      ['Stalled', 'False'],
    ]);
    expect(on.jobs()).toEqual([]);
  });

  it('keeps the failures that kube-fledged reported', async () => {
    const failures = { 'base:2': [{ node: 'node-1', reason: 'ErrImagePull', message: 'x' }] };
    const { on, raised } = await refusedWith({ ...left, status: 'Failed', failures });
    await refresh(tick, raised);
    expect(on.live().status).toMatchObject({ status: 'Failed', message: left.message, failures });
    expect(on.jobs()).toEqual([]);
  });

  it('stays purged, and a purge that was interrupted goes on', async () => {
    const purgedBefore = { ...left, reason: 'ImageCachePurge' };
    const ended = await refusedWith(purgedBefore);
    await refresh(tick, ended.raised);
    expect(ended.on.live().status).toMatchObject({ nodes: {}, round: { number: 0, operation: 'Purge' } });
    const interrupted = await refusedWith({ ...purgedBefore, status: 'Processing' });
    await refresh(tick, interrupted.raised);
    await purge(tick, interrupted.raised);
    expect(interrupted.on.live().status.round).toMatchObject({ number: 1, operation: 'Purge', trigger: 'Adopted' });
    expect(interrupted.on.jobs()).toEqual([]);
  });

  it('is written once, and reads nothing but itself, however often it is looked at', async () => {
    const { on } = await refusedWith(left);
    on.api.newCalls();
    await reconcile(changed(aCache), on.context);
    await refresh(tick, on.context);
    const calls = on.api.newCalls();
    expect(calls.filter((call) => !call.startsWith('GET'))).toEqual([]);
    expect(calls[0]).toBe(`GET ${cachePath()}`);
  });

  it('is pulled, not adopted, if it was edited meanwhile: kube-fledged has never pulled that', async () => {
    const { on } = await refusedWith(left);
    on.edit(listing('other:1'));
    await reconcile(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', round: { number: 1, operation: 'Create' } });
    expect(on.jobs()).toHaveLength(1);
    const again = await refusedWith(left);
    again.on.edit(listing('other:1', 'other:2'));
    await reconcile(changed(aCache), again.on.context);
    await refresh(tick, again.raised);
    expect(again.on.live().status).toMatchObject({ status: 'Processing', round: { number: 1, trigger: 'Spec' } });
  });
});

describe('caches that pull on the same node', () => {
  /** Both attempts of the cache fail, and their Pods back off. */
  async function failOnNode(on: Scene, name: string): Promise<void> {
    for (const attempt of [1, 2]) {
      const ours = on.jobs().filter((job) => job.startsWith(`${name}-`));
      for (const job of ours) {
        const pod = on.pod(job, missing(0));
        await jobComplete({ ...changed(aPod(pod)), cache: { namespace: 'apps', name } }, on.context);
      }
      on.wait(31_000 * attempt);
      await refresh(tick, on.context);
      for (const pod of on.api.list(podsPath))
        if (on.jobs().every((job) => !pod.metadata.name.startsWith(job)))
          on.api.remove(`${podsPath}/${pod.metadata.name}`);
    }
  }

  const greedy = {
    cacheSpec: [{ images: Array.from({ length: 200 }, (_, index) => `hang:${index}`) }],
    pullsPerNode: 10,
  };
  const names = Array.from({ length: 20 }, (_, index) => `greedy-${index}`);

  it('have no more Pods there than are allowed together, also if all are created at once', async () => {
    const on = limited({ podsPerNode: 30 });
    on.nodes('node-1', 'node-2');
    for (const name of names) on.cache(greedy, name);
    await Promise.all(names.map((name) => reconcile(added(name), on.context)));
    expect(on.jobs()).toHaveLength(60);
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(60);
  });

  it('are counted by their Pods after a restart, and start once there is room', async () => {
    const on = limited({ podsPerNode: 2 });
    on.nodes('node-1');
    for (const name of ['one', 'two', 'three']) on.cache(plain, name);
    await reconcile(added('one'), on.context);
    await reconcile(added('two'), on.context);
    const pods = on.jobs().map((job) => on.pod(job, { phase: 'Pending' }));
    on.wait(31_000);
    await reconcile(added('three'), on.context);
    expect(on.jobs()).toHaveLength(2);
    expect(on.live('three').status.status).toBe('Processing');
    on.api.remove(`${podsPath}/${pods[0] ?? ''}`);
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(3);
  });

  it('do not wait for failed Jobs that are retained, whose Pods back off and never end', async () => {
    const on = limited({ podsPerNode: 4 });
    on.nodes('node-1');
    const failing = ['one', 'two', 'three', 'four'];
    for (const name of failing) {
      on.cache({ cacheSpec: [{ images: ['missing:1'] }], jobRetentionPolicy: 'Retain' }, name);
      await reconcile(added(name), on.context);
      await failOnNode(on, name);
      expect(on.live(name).status.status).toBe('Failed');
    }
    // Both attempts of the first are half of the limit.
    expect(on.jobs().map((job) => job.split('-')[0])).toEqual(['one', 'one']);
    for (const name of ['five', 'six']) {
      on.cache(plain, name);
      await reconcile(added(name), on.context);
    }
    expect(on.jobs()).toHaveLength(4);
  });
});

describe('a purge beside a cache with very many names', () => {
  const many = Array.from({ length: 9000 }, (_, index) => `registry.example/${index}-`.padEnd(130, 'a'));
  const keeps = (on: ReturnType<typeof scene>) =>
    removals(on).flatMap((job) => orderOf(job).filter((argument) => argument.startsWith('--keep=')));

  it('passes on only names that may be on the node, if the other has never pulled there', async () => {
    const on = limited({});
    on.nodes('node-1');
    on.cache();
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, on.context);
    on.cache({ suspend: true, cacheSpec: [{ images: [...many, 'app:1', 'docker.io/library/app:2'] }] }, 'hoard');
    on.annotate(asked);
    await purge(tick, on.context);
    expect(keeps(on)).toEqual(['--keep=app:1', '--keep=docker.io/library/app:2']);
  });

  it('passes on nothing of a refused cache, and does not wait for it', async () => {
    const on = limited({ images: 2 });
    on.nodes('node-1');
    on.cache();
    await reconcile(changed(aCache, { verb: 'add' }), on.context);
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    await refresh(tick, on.context);
    on.cache(listing('app:1', 'b:1', 'c:1'), 'hoard');
    await reconcile(added('hoard'), on.context);
    on.annotate(asked);
    await purge(tick, on.context);
    expect(removals(on)).toHaveLength(1);
    expect(keeps(on)).toEqual([]);
  });
});
