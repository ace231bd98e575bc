import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { labUnderTest } from '../behaviour/lab-under-test.ts';
import { changed } from '../deploy/helm/forbidden-jobs.ts';
import { pull, removal } from '../deploy/helm/product-jobs.ts';
import { hostileJobs } from './hostile-jobs.ts';
import { as, manifestsOf, type Mode, modes } from './modes.ts';
import { outcomeTable, record } from './outcomes.ts';

/** Attacks that worked once, each as it was found: by a function that was taken over, and by a tenant. */
const attacks = {
  nodeOwner: [1, 'a Node gets an owner that does not exist'],
  injection: [5, 'a Pod asks webhooks and runtimes for more'],
  taints: [6, 'a function takes taints of others from Nodes'],
  finalizers: [10, 'finalizers that nobody removes'],
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

  it.each([attacks.injection, attacks.finalizers])('creates no Job for attack %i: %s', async (...attack) => {
    const tried = hostileJobs(mode).filter((each) => each.attack === attack[0]);
    const { stdout, stderr } = await create(
      tried.map(({ job }) => job),
      as(mode),
    );
    const names = new Set(stdout.split('\n'));
    expect(tried.filter(({ job }) => names.has(`job.batch/${nameOf(job)}`)).map(({ what }) => what)).toEqual([]);
    expect(stderr.match(/denied request/g)).toHaveLength(tried.length);
    record(attack, mode.name, 'refused');
  });

  it('records no Event that cannot be deleted', async () => {
    const metadata = { name: 'attack', namespace: 'apps', finalizers: ['example.com/forever'] };
    const involvedObject = { kind: 'ImageCache', namespace: 'apps', name: 'web' };
    const event = { apiVersion: 'v1', kind: 'Event', metadata, involvedObject, reason: 'Any', message: 'any' };
    expect((await create([event], as(mode))).stderr).toContain('functions may only record Events without finalizers');
    const plain = { ...event, metadata: { name: 'attack', namespace: 'apps' } };
    expect((await create([plain], as(mode))).stderr).toBe('');
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

const nameOf = (job: object): string => (job as { metadata: { name: string } }).metadata.name;
