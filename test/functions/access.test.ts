import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { annotations } from '#model/cache/api.ts';
import { serializeStatusWithoutTexts } from '#model/status/serialize-status.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import {
  aCache,
  cachePath,
  changed,
  jobsPath,
  nodeNamed,
  nodePath,
  podsPath,
  scene,
  tick,
  type Scene,
} from './scene.ts';

const [open, closed] = ['registry.example/open:1', 'registry.example/closed:1'];
const images = [closed, open];

/** A node that keeps records of pulls, unless its kubelet is older, and lists images by their names. */
const listing = (name: string, present: readonly (readonly string[])[], kubeletVersion = 'v1.36.3'): object =>
  nodeNamed(name, {
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { operatingSystem: 'linux', kubeletVersion, containerRuntimeVersion: 'containerd://1.7.24' },
      images: present.map((names) => ({ names })),
    },
  });
const modern = (name: string, present: readonly string[] = []): object =>
  listing(
    name,
    present.map((image) => [image]),
  );

const withSecret = { imagePullSecrets: [{ name: 'login' }] };

type Given = { readonly of?: object; readonly nodes?: readonly object[] };

/** A cache whose first round has begun on a node that keeps records of pulls. */
async function begun({ of = withSecret, nodes = [modern('node-1')] }: Given = {}, on: Scene = scene()): Promise<Scene> {
  on.cache({ cacheSpec: [{ images }], ...of });
  for (const [index, node] of nodes.entries()) on.api.put(nodePath(`node-${index + 1}`), node);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  return on;
}

const container = (name: string, state: object): object => ({ name, imageID: '', state });
const done = (name: string): object => container(name, { terminated: { exitCode: 0, reason: 'Completed' } });
const denied = (name: string): object =>
  container(name, { waiting: { reason: 'ErrImagePull', message: 'pull access denied: 401 Unauthorized' } });

const absent = (name: string): object => container(name, { waiting: { reason: 'ErrImagePull', message: 'not found' } });

const job = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        imagePullSecrets: z.array(z.object({ name: z.optional(z.string()) })),
        containers: z.array(z.object({ name: z.string(), image: z.string() })),
      }),
    }),
  }),
});

type Kubelet = {
  /** Images that are missing in their registry. */
  readonly missing?: readonly string[];
  /** A webhook gives these secrets to all Pods. */
  readonly secretsForAll?: readonly object[];
};

/** The Pods of all Jobs run; those without credentials are denied the images given. */
async function run(
  on: Scene,
  deniedImages: readonly string[] = [],
  { missing = [], secretsForAll = [] }: Kubelet = {},
): Promise<readonly (readonly string[])[]> {
  const pulled = on.jobs().map((name) => {
    const { spec } = job.parse(on.api.read(`${jobsPath}/${name}`)).spec.template;
    const isOpening = spec.imagePullSecrets.some((secret) => secret.name === undefined);
    const isDenied = (image: string): boolean =>
      isOpening && secretsForAll.length === 0 && deniedImages.includes(image);
    const statusOf = (container: string, image: string): object => {
      if (missing.includes(image)) return absent(container);
      return isDenied(image) ? denied(container) : done(container);
    };
    const statuses = spec.containers.map((each) => statusOf(each.name, each.image));
    const pod = `${podsPath}/${on.pod(name, { phase: 'Pending', containerStatuses: statuses })}`;
    if (secretsForAll.length > 0)
      on.api.put(pod, {
        ...on.api.read(pod),
        spec: { initContainers: [{ name: 'noop' }], imagePullSecrets: secretsForAll },
      });
    return [isOpening ? 'opens' : 'pulls', ...spec.containers.map(({ image }) => image)];
  });
  await refresh(tick, on.context);
  return pulled;
}

/** Runs Jobs until there are none. */
async function settle(
  on: Scene,
  deniedImages: readonly string[] = [],
  kubelet: Kubelet = {},
): Promise<readonly (readonly string[])[]> {
  const all: (readonly string[])[] = [];
  while (on.jobs().length > 0) all.push(...(await run(on, deniedImages, kubelet)));
  return all;
}

const accessOf = (on: Scene): unknown => {
  const { images: listed } = z
    .object({ images: z.array(z.looseObject({ image: z.string() })) })
    .parse(z.object({ status: z.unknown() }).parse(on.api.read(cachePath())).status);
  return Object.fromEntries(listed.map(({ image, access }) => [image, access]));
};
const noop = (on: Scene): string => on.context.settings.noopImage;

const requestRefresh = async (on: Scene, value = ''): Promise<void> => {
  on.annotate({ [annotations.refresh]: value });
  await refresh(changed(aCache), on.context);
};

describe('a cache with a pull secret', () => {
  it('opens the images that its registry gives to anyone, and the no-op, and says who can start what', async () => {
    const on = scene();
    on.registry.allow(open, 'Allowed');
    on.registry.allow(closed, 'Denied');
    await begun({}, on);
    expect(await settle(on)).toEqual([
      ['pulls', ...images],
      ['opens', open, noop(on)],
    ]);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', failures: {} });
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'PullSecrets' });
  });

  it('finds that out on the first node if the registry says nothing', async () => {
    const on = await begun({ nodes: [modern('node-1'), modern('node-2')] });
    await run(on);
    await settle(on, [closed]);
    expect(on.live().status).toMatchObject({
      status: 'Succeeded',
      failures: {},
      anonymousPulls: { [open]: 'Allowed', [closed]: 'Denied' },
    });
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'PullSecrets' });
  });

  it('creates no Job in a refresh that finds nothing changed, however it is requested', async () => {
    const on = await begun();
    await settle(on, [closed]);
    await requestRefresh(on);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
    on.wait(16 * 60_000);
    await refresh(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 3 } });
    expect(on.jobs()).toEqual([]);
  });

  it('opens an image in the refresh after its registry has made it public', async () => {
    const on = await begun();
    await settle(on, [closed]);
    on.registry.allow(closed, 'Allowed');
    on.wait(16 * 60_000);
    await refresh(tick, on.context);
    expect(await settle(on)).toEqual([['opens', closed]]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
  });

  it('pulls all images again, with the secret as it is now, if a refresh is requested to verify, and tries to open all', async () => {
    const on = await begun();
    await settle(on, [closed]);
    await requestRefresh(on, 'verify');
    expect(await settle(on, [closed])).toEqual([
      ['pulls', ...images],
      ['opens', ...images],
    ]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'PullSecrets' });
  });

  it('has nodes try in a refresh that verifies what the registry denies to us and a mirror gives to anyone', async () => {
    const on = scene();
    on.registry.allow(open, 'Allowed');
    on.registry.allow(closed, 'Denied');
    await begun({}, on);
    await settle(on);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'PullSecrets' });
    await requestRefresh(on, 'verify');
    await settle(on);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
  });

  it('opens an image that was made public in a refresh that verifies, if only nodes reach its registry', async () => {
    const on = await begun({ nodes: [modern('node-1'), modern('node-2')] });
    await settle(on, [closed]);
    await requestRefresh(on, 'verify');
    await settle(on);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
  });

  it('pulls again if another secret is named, and with none says that anyone can start them', async () => {
    const on = await begun();
    await settle(on);
    on.edit({ cacheSpec: [{ images }] });
    await reconcile(changed(aCache), on.context);
    expect(await settle(on)).toEqual([['pulls', ...images]]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
  });

  it('says so, too, of an image that its registry denied to others before', async () => {
    const on = await begun();
    await settle(on, [closed]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'PullSecrets' });
    on.edit({ cacheSpec: [{ images }] });
    await reconcile(changed(aCache), on.context);
    expect(await settle(on)).toEqual([['pulls', ...images]]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
  });
});

describe('an image that a node lists', () => {
  it('is pulled where the kubelet keeps records, as others may have locked it, once for each cache', async () => {
    const on = await begun({ of: {}, nodes: [modern('node-1', images)] });
    expect(await settle(on)).toEqual([['pulls', ...images]]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
    on.edit({ cacheSpec: [{ images: [open] }] });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', nodes: { 'node-1': { state: 'Ready' } } });
    expect(on.jobs()).toEqual([]);
  });

  it('needs no Job after an edit by which only others come, and stays locked to the same credentials', async () => {
    const on = await begun({ nodes: [modern('node-1', images)] });
    await settle(on, [closed]);
    on.edit({ cacheSpec: [{ images: [...images, 'registry.example/new:1'] }], ...withSecret });
    await reconcile(changed(aCache), on.context);
    expect(await run(on)).toEqual([['pulls', 'registry.example/new:1']]);
    expect(await settle(on)).toEqual([['opens', 'registry.example/new:1']]);
    expect(accessOf(on)).toMatchObject({ [open]: 'Anyone', [closed]: 'PullSecrets' });
  });

  it('is verified once after an update of a version that opened none', async () => {
    const on = await begun({ nodes: [modern('node-1', images)] });
    await settle(on, [closed]);
    const before = on.api.read(cachePath());
    const status = JSON.parse(JSON.stringify(before?.['status']), (key, value: unknown) =>
      ['noop', 'access', 'anonymousPull'].includes(key) ? undefined : value,
    ) as object;
    on.api.put(cachePath(), { ...before, status });
    on.wait(16 * 60_000);
    await refresh(tick, on.context);
    expect(await settle(on, [closed])).toEqual([
      ['pulls', ...images],
      ['opens', ...images, noop(on)],
    ]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'PullSecrets' });
  });
});

const tickAfter = async (on: Scene): Promise<void> => {
  on.wait(16 * 60_000);
  await refresh(tick, on.context);
};

/** A cache of kube-fledged with its images on a node. */
async function adopted(of: object = {}, node = modern('node-1', images)): Promise<Scene> {
  const on = scene();
  on.cache({ cacheSpec: [{ images }], ...of });
  const status = { status: 'Succeeded', reason: 'ImageCacheCreate', completionTime: '2026-11-24T11:01:00Z' };
  on.api.put(cachePath(), { ...on.api.read(cachePath()), status });
  on.api.put(nodePath('node-1'), node);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  return on;
}

describe('who can start an image is never claimed for more Pods than it is', () => {
  const broken = 'registry.example/zbroken:1';

  it('after an edit that asks a registry which has made an image public: a refresh opens it', async () => {
    const on = await begun({ nodes: [modern('node-1', images)] });
    await settle(on, [closed]);
    on.registry.allow(closed, 'Allowed');
    on.edit({ cacheSpec: [{ images }], ...withSecret, pullDeadlineSeconds: 300 });
    await reconcile(changed(aCache), on.context);
    expect(accessOf(on)).toMatchObject({ [closed]: 'PullSecrets' });
    await tickAfter(on);
    expect(await settle(on)).toEqual([['opens', closed]]);
    expect(accessOf(on)).toMatchObject({ [closed]: 'Anyone' });
  });

  it('on a node that failed to pull another image: it opens the image, too', async () => {
    const of = { cacheSpec: [{ images: [...images, broken] }], ...withSecret };
    const on = await begun({ of, nodes: [modern('node-1', images)] });
    await settle(on, [closed], { missing: [broken] });
    expect(accessOf(on)).toMatchObject({ [closed]: 'PullSecrets' });
    on.registry.allow(closed, 'Allowed');
    await tickAfter(on);
    expect(await settle(on, [], { missing: [broken] })).toContainEqual(['opens', closed]);
  });

  it('if a webhook gives secrets to all Pods: they prove nothing', async () => {
    const on = await begun();
    await settle(on, images, { secretsForAll: [{ name: 'injected' }] });
    expect(on.live().status).toMatchObject({ status: 'Succeeded', anonymousPulls: {} });
    expect(accessOf(on)).toEqual({ [open]: 'PullSecrets', [closed]: 'PullSecrets' });
  });

  it('if an image is spelled in another way', async () => {
    const [long, short] = ['docker.io/acme/closed:1', 'acme/closed:1'];
    const of = { cacheSpec: [{ images: [long] }], ...withSecret };
    const on = await begun({ of, nodes: [modern('node-1', [long])] });
    await settle(on, [long]);
    on.edit({ cacheSpec: [{ images: [short] }], ...withSecret });
    await reconcile(changed(aCache), on.context);
    await settle(on, [long, short]);
    expect(accessOf(on)).toEqual({ [short]: 'PullSecrets' });
  });

  it('if a tag moves and a Pod of somebody else has pulled it: the node proves its own credentials', async () => {
    const tag = 'registry.example/app:latest';
    const digests = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}`);
    const listed = (digest = ''): object => listing('node-1', [[`registry.example/app@${digest}`, tag]]);
    const on = scene();
    on.registry.allow(tag, 'Allowed');
    on.registry.resolve(tag, digests[0] ?? '');
    await begun({ of: { cacheSpec: [{ images: [tag] }], ...withSecret }, nodes: [listed(digests[0])] }, on);
    await settle(on);
    on.registry.resolve(tag, digests[1] ?? '');
    on.api.put(nodePath('node-1'), listed(digests[1]));
    await tickAfter(on);
    expect(await settle(on)).toEqual([
      ['pulls', tag],
      ['opens', tag],
    ]);
  });

  it('of a cache of kube-fledged that is edited before its first refresh: nodes prove all images', async () => {
    const on = await adopted(withSecret);
    expect(accessOf(on)).toEqual({ [open]: 'Unknown', [closed]: 'Unknown' });
    on.edit({ cacheSpec: [{ images: [...images, 'registry.example/new:1'] }], ...withSecret });
    await reconcile(changed(aCache), on.context);
    await settle(on, [closed]);
    expect(accessOf(on)).toMatchObject({ [open]: 'Anyone', [closed]: 'PullSecrets' });
  });

  it('of a cache of kube-fledged that names no credentials, as admission may have given it some: its first refresh proves all images', async () => {
    const on = await adopted();
    expect(accessOf(on)).toEqual({ [open]: 'Unknown', [closed]: 'Unknown' });
    await tickAfter(on);
    expect(await settle(on)).toEqual([['pulls', ...images]]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
    await tickAfter(on);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
    expect(on.jobs()).toEqual([]);
  });

  it.each([
    ['another image', { cacheSpec: [{ images: [...images, 'registry.example/new:1'] }] }],
    ['another deadline', { cacheSpec: [{ images }], pullDeadlineSeconds: 300 }],
  ])('of such a cache that is edited before: nodes prove all images, too: %s', async (_, spec) => {
    const on = await adopted();
    on.edit(spec);
    await reconcile(changed(aCache), on.context);
    expect(await settle(on)).toEqual([['pulls', ...(spec.cacheSpec[0]?.images ?? []).toSorted()]]);
    expect(accessOf(on)).toMatchObject({ [open]: 'Anyone', [closed]: 'Anyone' });
  });

  it('of a cache of kube-fledged on kubelets that keep no records: anyone can start them', async () => {
    const on = await adopted(withSecret, listing('node-1', [[open], [closed]], 'v1.34.2'));
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
    await tickAfter(on);
    expect(on.jobs()).toEqual([]);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'Anyone' });
  });

  it('after a status that was too large for its images', async () => {
    const on = await begun({ nodes: [modern('node-1', images)] });
    await settle(on, [closed]);
    const live = on.live();
    on.api.put(cachePath(), { ...on.api.read(cachePath()), status: serializeStatusWithoutTexts(live.status, live) });
    expect(accessOf(on)).toEqual({ [closed]: 'PullSecrets' });
    await tickAfter(on);
    expect(accessOf(on)).toEqual({ [open]: 'Anyone', [closed]: 'PullSecrets' });
  });

  it('has a node that failed verify its images, too', async () => {
    const of = { cacheSpec: [{ images: [...images, broken] }], ...withSecret };
    const on = await begun({ of, nodes: [modern('node-1', images)] });
    await settle(on, [closed], { missing: [broken] });
    await requestRefresh(on, 'verify');
    const [first] = await settle(on, [closed], { missing: [broken] });
    expect(first).toEqual(['pulls', ...images, broken]);
  });
});

describe('a Job that opens images', () => {
  it('is not retained: the one that pulled holds them', async () => {
    const on = await begun({ of: { ...withSecret, jobRetentionPolicy: 'Retain' } });
    for (let turn = 0; turn < 3; turn += 1) await run(on, [closed]);
    expect(on.live().status.status).toBe('Succeeded');
    expect(await run(on, [closed])).toEqual([['pulls', ...images]]);
  });
});
