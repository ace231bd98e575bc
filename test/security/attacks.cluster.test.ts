import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { labUnderTest } from '../behaviour/lab-under-test.ts';
import { changed } from '../deploy/helm/forbidden-jobs.ts';
import { installed as defaults, pull, removal } from '../deploy/helm/product-jobs.ts';
import { run } from '../cluster/run.ts';
import { hostileJobs } from './hostile-jobs.ts';
import { as, manifestsOf, type Mode, modes } from './modes.ts';
import { outcomeTable, record } from './outcomes.ts';
import { ownRights, rightsOf, widestRights } from './rights.ts';
import { startAs, tenant, tenantRights } from './tenant.ts';

/** Attacks that worked once, each as it was found: by a function that was taken over, and by a tenant. */
const attacks = {
  everySlot: [2, 'a cache takes every Pod slot of a node with the priority of the system'],
  gate: [7, 'a cache shuts new nodes for a day'],
  listTypes: [9, 'a list of 100,000 images keeps the API server busy'],
  names: [11, 'the names of a cache keep others from purging'],
  nodeOwner: [1, 'a Node gets an owner that does not exist'],
  injection: [5, 'a Pod asks webhooks and runtimes for more'],
  taints: [6, 'a function takes taints of others from Nodes'],
  finalizers: [10, 'finalizers that nobody removes'],
  bodies: [3, 'connections hold the memory of a process'],
  batches: [8, 'batches are handled after their sender has left'],
  pages: [15, 'a web page reads and posts'],
} as const;

const lab = await labUnderTest(1);
const inModes = modes.map((mode) => [mode.name, mode] as const);
const list = (items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const create = (items: readonly object[], ...args: readonly string[]) =>
  lab.kubectlWith(list(items), 'create', '--dry-run=server', '-o', 'name', '-f', '-', ...args);
const installed = new Map<Mode, readonly object[]>();

beforeAll(async () => {
  for (const mode of modes) installed.set(mode, await manifestsOf(mode, lab));
  const apps = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } };
  await lab.apply({ apiVersion: 'v1', kind: 'List', items: [apps, ...[...installed.values()].flat()] });
  // Policies are in force a moment after they are created.
  for (const mode of modes) {
    const privileged = changed(pull({ settings: mode.settings }), ['spec', 'template', 'spec', 'hostPID'], true);
    const denied = async () => expect((await create([privileged], as(mode))).stderr).toContain('denied request');
    await vi.waitFor(denied, { timeout: 30_000, interval: 200 });
  }
});

afterAll(async () => {
  const items = [...installed.values()].flat().filter((each) => !('kind' in each && each.kind === 'Namespace'));
  await lab.kubectlWith(list(items), 'delete', '--ignore-not-found', '--wait=false', '-f', '-');
  process.stdout.write(`\n${outcomeTable(modes.map(({ name }) => name))}\n\n`);
});

describe.each(inModes)('a function that was taken over, in mode %s,', (_, mode) => {
  it('creates the Jobs of the product', async () => {
    const { stdout, stderr } = await create(
      [pull({ settings: mode.settings }), removal({ settings: mode.settings })],
      as(mode),
    );
    expect({ created: stdout.split('\n').length - 1, stderr }).toEqual({ created: 2, stderr: '' });
  });

  it.each([attacks.everySlot, attacks.injection, attacks.finalizers])(
    'creates no Job for attack %i: %s',
    async (...attack) => {
      const tried = hostileJobs(mode).filter((each) => each.attack === attack[0]);
      const { stdout, stderr } = await create(
        tried.map(({ job }) => job),
        as(mode),
      );
      const names = new Set(stdout.split('\n'));
      expect(tried.filter(({ job }) => names.has(`job.batch/${nameOf(job)}`)).map(({ what }) => what)).toEqual([]);
      expect(stderr.match(/denied request/g)).toHaveLength(tried.length);
      record(attack, mode.name, 'refused');
    },
  );

  it('records no Event that cannot be deleted', async () => {
    const metadata = { name: 'attack', namespace: 'apps', finalizers: ['example.com/forever'] };
    const involvedObject = { kind: 'ImageCache', namespace: 'apps', name: 'web' };
    const event = { apiVersion: 'v1', kind: 'Event', metadata, involvedObject, reason: 'Any', message: 'any' };
    expect((await create([event], as(mode))).stderr).toContain('functions may only record Events without finalizers');
    const plain = { ...event, metadata: { name: 'attack', namespace: 'apps' } };
    expect((await create([plain], as(mode))).stderr).toBe('');
  });
});

describe('the accounts that create Jobs', () => {
  const accounts = modes.flatMap((mode) => mode.accounts.map((account) => [mode.name, account, mode] as const));

  it.each(accounts)('have in mode %s, as %s, no right but those of the table', async (_, account, mode) => {
    const elsewhere = await rightsOf(lab, 'apps', as(mode, account));
    expect(elsewhere.length).toBeGreaterThan(10);
    expect(elsewhere.filter((right) => !widestRights.has(right))).toEqual([]);
    const own = await rightsOf(lab, mode.namespace, as(mode, account));
    expect(own.filter((right) => !widestRights.has(right) && !ownRights.has(right))).toEqual([]);
  });
});

describe('a function that was taken over, with the right of the warm gate,', () => {
  const cold = { key: 'example.com/cold', effect: 'NoSchedule' };
  const foreign = [
    { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
    { key: 'dedicated', value: 'db', effect: 'NoExecute' },
    { key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' },
  ];
  const node = 'attacked-node';
  const patch = (mode: Mode, change: object, ...args: readonly string[]) =>
    lab.kubectl('patch', 'node', node, '--type=merge', '-p', JSON.stringify(change), as(mode), ...args);
  const taintsBut = async (key: string) => {
    const taints = JSON.parse(await lab.ask('get', 'node', node, '-o', 'jsonpath={.spec.taints}')) as (typeof cold)[];
    return { spec: { taints: taints.filter((taint) => taint.key !== key) } };
  };

  beforeAll(async () => {
    const metadata = { name: node, annotations: { 'kwok.x-k8s.io/node': 'fake' } };
    await lab.apply({ apiVersion: 'v1', kind: 'Node', metadata, spec: { taints: [cold, ...foreign] } });
  });
  afterAll(() => lab.ask('delete', 'node', node, '--ignore-not-found'));

  it.each(inModes)('gives a Node no owner in mode %s', async (_, mode) => {
    const uid = '00000000-0000-0000-0000-000000000000';
    const owner = { apiVersion: 'v1', kind: 'Node', name: 'no-such-node', uid };
    const { stderr } = await patch(mode, { metadata: { ownerReferences: [owner] } });
    expect(stderr).toContain('functions may only set the label kubefledged.io/warm in the metadata of a Node');
    expect((await patch(mode, { metadata: { generateName: 'any-' } })).stderr).toContain('functions may only set');
  });

  it('has no Node garbage-collected', async () => {
    await pause(6000); // the garbage collector took 4 s
    expect(await lab.ask('get', 'node', node, '-o', 'name')).toBe(`node/${node}\n`);
    for (const { name } of modes) record(attacks.nodeOwner, name, 'refused');
  });

  it.each(inModes)('removes only the taint that its rights name, in mode %s', async (_, mode) => {
    for (const { key } of foreign)
      expect((await patch(mode, await taintsBut(key))).stderr).toContain('functions may not add taints to a Node');
    const warm = { metadata: { labels: { 'kubefledged.io/warm': 'true' } } };
    // Controllers add and remove taints, also between read and write.
    const allowed = async () =>
      expect(await patch(mode, { ...(await taintsBut(cold.key)), ...warm }, '--dry-run=server')).toMatchObject({
        code: 0,
        stderr: '',
      });
    await vi.waitFor(allowed, { timeout: 30_000, interval: 500 });
    record(attacks.taints, mode.name, 'refused');
  });
});

describe('a tenant who may only edit ImageCaches in one namespace', () => {
  const [standalone] = modes;
  const gated = ['attacked-by-tenant', 'attacked-by-platform'] as const;
  const editor = 'standalone-kubectl-imagecache-functions-editor';
  let started: Awaited<ReturnType<typeof startAs>> | undefined;
  const cacheOf = (namespace: string, name: string, spec: object) => ({
    ...{ apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata: { name, namespace }, spec },
  });
  const tries = (name: string, spec: object, ...args: readonly string[]) => {
    const body = JSON.stringify(cacheOf('tenant', name, spec));
    return lab.kubectlWith(body, 'create', '-o', 'name', '-f', '-', tenant, ...args);
  };
  const status = async (namespace: string, name: string, field = 'message') =>
    lab.ask('get', 'imagecache', name, '-n', namespace, '-o', `jsonpath={.status.${field}}`);
  const reports = (namespace: string, name: string, message: string, field = 'message') =>
    vi.waitFor(async () => expect(await status(namespace, name, field)).toContain(message), {
      timeout: 60_000,
      interval: 250,
    });
  const neighbourSucceeds = async (name: string, image = 'registry.example/web:1'): Promise<void> => {
    await lab.apply(cacheOf('neighbour', name, { cacheSpec: [{ images: [image] }] }));
    await reports('neighbour', name, 'Succeeded', 'status');
  };
  const many = (count: number) => Array.from({ length: count }, (_, index) => `registry.example/hang:${index}`);
  const onOneNode = (images: readonly string[]) => [{ images, nodeSelector: { 'kubernetes.io/hostname': 'sim-1' } }];

  beforeAll(async () => {
    const namespaces = ['neighbour', 'platform'].map((name) => ({
      ...{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    }));
    await lab.apply({ apiVersion: 'v1', kind: 'List', items: [...tenantRights('tenant', editor), ...namespaces] });
    const gate = ['--warm-gate-taints=example.com/cold', '--warm-gate-namespaces=platform'];
    if (standalone !== undefined) started = await startAs(standalone, lab, [...gate, '--warm-gate-max-timeout=10s']);
  });
  afterAll(async () => {
    await started?.stop();
    for (const name of ['tenant', 'neighbour', 'platform']) await lab.ask('delete', 'namespace', name, '--wait=false');
    // Other files list the Pods of this namespace.
    const removals = ['-n', 'kube-fledged', '-l', 'kubefledged.io/removal', '--cascade=foreground'];
    await lab.ask('delete', 'jobs', ...removals);
    await lab.ask('delete', 'node', ...gated, '--ignore-not-found');
  });

  it('takes neither every slot of a node nor the priority of the system', async () => {
    const spec = { cacheSpec: onOneNode(many(200)), pullsPerNode: 200, pullDeadlineSeconds: 2_147_483_647 };
    expect((await tries('greedy', { ...spec, priorityClassName: 'system-node-critical' })).stderr).toBe('');
    await reports(
      'tenant',
      'greedy',
      'Refused: spec.pullDeadlineSeconds is 2147483647, and MAX_PULL_DEADLINE allows 7200',
    );
    const critical = { cacheSpec: onOneNode(many(1)), priorityClassName: 'system-node-critical' };
    expect((await tries('critical', critical)).stderr).toBe('');
    await reports('tenant', 'critical', 'Refused: spec.priorityClassName is system-node-critical');
    await neighbourSucceeds('beside-greedy');
    expect(await lab.ask('get', 'jobs', '-n', 'tenant', '-o', 'name')).toBe('');
    expect((await tries('modest', { cacheSpec: onOneNode(many(200)), pullsPerNode: 200 })).stderr).toBe('');
    await vi.waitFor(async () => {
      const pods = await lab.ask('get', 'pods', '-n', 'tenant', '-o', 'name');
      expect(pods.split('\n').filter((line) => line !== '').length).toBeGreaterThan(0);
    }, 30_000);
    await neighbourSucceeds('beside-modest');
    const pods = (await lab.ask('get', 'pods', '-n', 'tenant', '-o', 'name')).split('\n').filter((line) => line !== '');
    expect(pods.length).toBeLessThanOrEqual(5);
    await lab.ask('delete', 'imagecache', 'modest', '-n', 'tenant');
  });

  it('asks no webhook for more by podMetadata', async () => {
    const podMetadata = { annotations: { 'sidecar.istio.io/userVolume': '[{"name":"root","hostPath":{"path":"/"}}]' } };
    expect((await tries('injecting', { cacheSpec: onOneNode(many(1)), podMetadata })).stderr).toBe('');
    await reports('tenant', 'injecting', 'Refused: spec.podMetadata has the key sidecar.istio.io/userVolume');
    expect(await lab.ask('get', 'jobs', '-n', 'tenant', '-l', 'imagecache=injecting', '-o', 'name')).toBe('');
  });

  it('has a long list refused at once', async () => {
    const images = Array.from({ length: 100_000 }, (_, index) => `a:${index}`).toReversed();
    const { stderr } = await tries('long', { cacheSpec: [{ images }] }, '--dry-run=server');
    expect(stderr).toContain('Too many: 100000: must have at most 1000 items');
    for (const { name } of modes) record(attacks.listTypes, name, 'refused');
  });

  it('does not keep a neighbour from purging', async () => {
    const name = (index: number) => `registry.example/${index}-`.padEnd(130, 'a');
    const images = Array.from({ length: 9000 }, (_, index) => name(index));
    expect((await tries('hoard', { suspend: true, cacheSpec: [{ images }] })).stderr).toContain('Too many: 9000');
    const lists = Array.from({ length: 9 }, (_, index) => ({ images: images.slice(index * 1000, (index + 1) * 1000) }));
    expect((await tries('hoard', { suspend: true, cacheSpec: lists })).stderr).toBe('');
    await reports('tenant', 'hoard', 'Refused: spec.cacheSpec lists 9000 images, and MAX_IMAGES allows 1000');
    await neighbourSucceeds('purged', 'registry.example/purged:1');
    await lab.ask('annotate', 'imagecache', 'purged', '-n', 'neighbour', 'kubefledged.io/purge-imagecache=');
    await reports('neighbour', 'purged', 'ImageCachePurge', 'reason');
    await reports('neighbour', 'purged', 'Succeeded', 'status');
    for (const mode of modes) record(attacks.names, mode.name, 'refused');
  });

  it('holds no new node for others, and the platform none for longer than its maximum', async () => {
    const spec = (node: string) => ({
      cacheSpec: [{ images: ['registry.example/hang:1'], nodeSelector: { 'kubernetes.io/hostname': node } }],
      warmGate: { taintKey: 'example.com/cold', timeoutSeconds: 86_400 },
    });
    const [byTenant, byPlatform] = gated;
    expect((await tries('gate', spec(byTenant))).stderr).toBe('');
    await lab.apply(cacheOf('platform', 'gate', spec(byPlatform)));
    const taints = [{ key: 'example.com/cold', effect: 'NoSchedule' }];
    const items = gated.map((name) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
        annotations: { 'kwok.x-k8s.io/node': 'fake' },
      },
      spec: { taints },
    }));
    await lab.apply({ apiVersion: 'v1', kind: 'List', items });
    const isReleased = (node: string) => async () =>
      expect(await lab.ask('get', 'node', node, '-o', 'jsonpath={.spec.taints[*].key}')).not.toContain('example.com');
    for (const node of gated) await vi.waitFor(isReleased(node), { timeout: 60_000, interval: 250 });
    const events = await lab.ask('get', 'events', '-A', '-o', 'jsonpath={.items[*].reason}');
    expect(events).toContain('WarmGateOff');
    expect(events).toContain('WarmGateTimeout');
    for (const { name } of modes) record(attacks.gate, name, 'bounded');
  });

  // Each of four loads may wait 23 s for three probes of the kubelet, and each of four caches 30 s for its status.
  it('finds every attack held off that `npm run attack` plays', { timeout: 200_000 }, async () => {
    const { noopImage, removalImage } = defaults();
    const args = ['--kubeconfig', lab.kubeconfig, '--port', String(started?.port), '--yes'];
    const env = { ...process.env, NOOP_IMAGE: noopImage, REMOVAL_IMAGE: removalImage };
    const { code, stdout } = await run(process.execPath, ['test/security/main.ts', ...args], { env, timeout: 180_000 });
    expect({ code, worked: stdout.match(/^(WORKED|not played) .*$/gm) }).toEqual({ code: 0, worked: null });
    // The process of both standalone modes; http.test.ts plays the same on that of functions.
    for (const { name } of modes.filter((mode) => mode.name.startsWith('standalone'))) {
      record(attacks.bodies, name, 'bounded');
      record(attacks.batches, name, 'bounded');
      record(attacks.pages, name, 'refused');
    }
  });
});

const nameOf = (job: object): string => (job as { metadata: { name: string } }).metadata.name;
