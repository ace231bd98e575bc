import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedLab } from '../cluster/shared-lab.ts';
import { chart, helm, root } from '../deploy/helm/chart.ts';
import { productImage } from './product-image.ts';

const lab = await sharedLab();
const install = 'imagecache';
const apps = 'helm-apps';
const release = 'imagecache-functions';

/** Runs helm and returns its output, which is also printed. */
const transcribed = async (...args: readonly string[]): Promise<string> => {
  const started = Date.now();
  const { code, stdout, stderr } = await helm(lab, ...args);
  const shown = args.map((arg) => arg.replace(root, '.')).join(' ');
  console.log(`$ helm ${shown}\n${stdout}${stderr}(${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (code !== 0) throw new Error(`helm ${shown} ended with ${code}: ${stderr}${await hookLogs()}`);
  return stdout;
};

const hookLogs = async (): Promise<string> => {
  const { stdout, stderr } = await lab.kubectl('logs', '-n', install, '-l', `app.kubernetes.io/instance=${release}`);
  return stdout + stderr;
};

const cacheOf = (name: string, images: readonly string[], more: object = {}) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name, namespace: apps },
  spec: { cacheSpec: [{ images }], ...more },
});

const ask = async (name: string, path: string): Promise<string> =>
  lab.ask('get', 'imagecache', name, '-n', apps, '-o', `jsonpath={${path}}`);

const settled = (name: string) =>
  lab.ask('wait', '--for=condition=Ready', `imagecache/${name}`, '-n', apps, '--timeout=180s');

let values: readonly string[] = [];
beforeAll(async () => {
  await productImage(lab, 'functions');
  await productImage(lab, 'noop');
  values = [
    ...['--set', 'global.imageRegistry=registry.local:5000'],
    ...['--set', 'images.functions.repository=imagecache-functions', '--set', 'images.noop.repository=imagecache-noop'],
  ];
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: apps, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: install, labels: { 'pod-security.kubernetes.io/warn': 'restricted' } },
  });
});
afterAll(async () => {
  await fast();
  await helm(lab, 'uninstall', release, '-n', install, '--ignore-not-found', '--wait');
});

const tc = async (...args: readonly string[]): Promise<void> => {
  const child = lab.enter('tc', ['qdisc', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (child.stdout !== null) await text(child.stdout);
};
const slow = () => tc('add', 'dev', 'node1', 'root', 'tbf', 'rate', '40mbit', 'burst', '256kb', 'latency', '50ms');
const fast = () => tc('del', 'dev', 'node1', 'root');

const objects = async (): Promise<string> => {
  const kinds = 'deployments,services,serviceaccounts,roles,rolebindings,leases,jobs,pods,poddisruptionbudgets';
  const global = 'clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings';
  const ours = ['-l', `app.kubernetes.io/instance=${release}`, '-o', 'name'];
  return (await lab.ask('get', kinds, '-n', install, ...ours)) + (await lab.ask('get', global, ...ours));
};

/** The Pod that holds the Lease, the number of its node, and when it acquired the Lease, in milliseconds. */
async function leader(): Promise<{ readonly pod: string; readonly node: number; readonly since: number }> {
  const lease = await lab.ask(
    ...['get', 'lease', `${release}-source`, '-n', install],
    ...['-o', 'jsonpath={.spec.holderIdentity} {.spec.acquireTime}'],
  );
  const [identity = '', acquired = ''] = lease.split(' ');
  const pods = await lab.ask(
    ...['get', 'pods', '-n', install, '-o', 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\\n"}{end}'],
  );
  const [pod = '', node = ''] =
    pods
      .split('\n')
      .map((line) => line.split(' '))
      .find(([name = '']) => name !== '' && identity.startsWith(name)) ?? [];
  return { pod: pod === '' ? identity : pod, node: Number(node.replace('node', '')), since: Date.parse(acquired) };
}

describe('the chart on real nodes', () => {
  it('is installed with its CRD by one command, and becomes Ready', async () => {
    await lab.ask('delete', 'crd', 'imagecaches.kubefledged.io', '--ignore-not-found');
    await transcribed('install', release, chart, '-n', install, ...values, '--wait', '--timeout=180s');
    expect(await lab.ask('get', 'deployment', release, '-n', install, '-o', 'jsonpath={.status.readyReplicas}')).toBe(
      '2',
    );
    expect(
      await lab.ask('get', 'crd', 'imagecaches.kubefledged.io', '-o', 'jsonpath={.metadata.managedFields[0].manager}'),
    ).toBe('imagecache-functions');
    expect(await objects()).not.toMatch(/^job|-crd$/m);
  });

  it('pulls the images of an ImageCache under its admission policy', async () => {
    const image = await lab.pushImage({ name: 'helm-first:1' });
    await lab.apply(cacheOf('first', [image]));
    await settled('first');
    for (const node of [1, 2]) expect(await lab.images(node)).toContain(image);
  });

  it('creates its Lease again after it was deleted, with the rights of the chart, and serves the next cache', async () => {
    await lab.ask('delete', 'lease', `${release}-source`, '-n', install);
    const image = await lab.pushImage({ name: 'helm-leaseless:1' });
    await lab.apply(cacheOf('leaseless', [image]));
    await settled('leaseless');
    expect((await leader()).pod).not.toBe('');
    await lab.ask('delete', 'imagecache', 'leaseless', '-n', apps);
  });

  it('is upgraded during a round, which then resumes', async () => {
    const image = await lab.pushImage({ name: 'helm-large:1', bytes: 40_000_000 });
    await slow();
    await lab.apply(cacheOf('large', [image]));
    await expect.poll(() => ask('large', '.status.nodes.node1.state'), { timeout: 30_000 }).toBe('Pulling');
    await sleep(500);
    const more = ['--set', 'podAnnotations.changed=yes', '--wait', '--timeout=180s'];
    await transcribed('upgrade', release, chart, '-n', install, ...values, ...more);
    await fast();
    await settled('large');
    expect(await ask('large', '.status.round.number')).toBe('1');
    expect(await ask('large', '.status.nodes.*.attempt')).toBe('1 1');
    expect(await objects()).toContain('poddisruptionbudget.policy/imagecache-functions');
  });

  it('has another leader within 20 s when the node of the leader dies', async () => {
    const before = await leader();
    const killed = Date.now();
    try {
      await lab.killNode(before.node);
      await expect.poll(async () => (await leader()).pod, { timeout: 60_000, interval: 250 }).not.toBe(before.pod);
      const seconds = ((await leader()).since - killed) / 1000;
      console.log(`a leader whose node dies is replaced after ${seconds.toFixed(1)} s`);
      expect(seconds).toBeLessThan(20);
    } finally {
      await lab.startNode(before.node);
      await lab.ask('rollout', 'status', `deployment/${release}`, '-n', install, '--timeout=120s');
    }
  });

  it('is uninstalled by one command, and leaves the ImageCaches, which can then be deleted', async () => {
    await lab.ask(
      ...['patch', 'imagecache', 'first', '-n', apps, '--type=merge'],
      ...['-p', '{"metadata":{"finalizers":["kubefledged.io/purge"]},"spec":{"deletionPolicy":"Purge"}}'],
    );
    await transcribed('uninstall', release, '-n', install, '--wait', '--timeout=120s');
    await expect.poll(objects, { timeout: 30_000 }).toBe('');
    expect(await lab.ask('get', 'imagecaches', '-n', apps, '-o', 'name')).toBe(
      'imagecache.kubefledged.io/first\nimagecache.kubefledged.io/large\n',
    );
    expect(await ask('first', '.metadata.finalizers')).toBe('');
    await lab.ask('delete', 'imagecaches', '--all', '-n', apps, '--timeout=30s');
  });
});
