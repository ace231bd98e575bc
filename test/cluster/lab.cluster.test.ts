import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { removalJob } from '#model/removal/removal-job.ts';
import { parseRemovalResult } from '#model/removal/removal-result.ts';
import { cache, node, settings } from '../functions/model/builders.ts';
import { writesBetween } from './api-writes.ts';
import type { Lab } from './lab.ts';
import { runWell } from './run.ts';
import { sharedLab } from './shared-lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await sharedLab();
  await lab.renew();
  await lab.simulate(10);
});

const job = (name: string, spec: object) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'default' },
  spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', ...spec } } },
});

const until = async (what: string, isSo: () => Promise<boolean>) => {
  const deadline = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await sleep(200);
  }
};

const isComplete = async (name: string) =>
  (await lab.ask('get', 'job', name, '-o', 'jsonpath={.status.succeeded}')) === '1';

const statuses = async (name: string): Promise<unknown> =>
  parse(await lab.ask('get', 'pod', '-l', `job-name=${name}`, '-o', 'jsonpath={.items[0].status}'));

const notFound = (reference: string) =>
  `rpc error: code = NotFound desc = failed to pull and unpack image "${reference}": failed to resolve image: ${reference}: not found`;

const waiting = (message: unknown) => ({ waiting: { reason: 'ErrImagePull', message } });

describe('a lab with simulated nodes', () => {
  it('has exactly the requested number of nodes, each with its own ids', async () => {
    await lab.simulate(12);
    await lab.simulate(10);
    const nodes = await lab.ask(
      'get',
      'nodes',
      '-o',
      'jsonpath={range .items[*]}{.status.nodeInfo.machineID}{"\\n"}{end}',
    );
    expect(new Set(nodes.trim().split('\n')).size).toBe(10);
    expect(await lab.ask('get', 'nodes', '--no-headers')).not.toContain('NotReady');
  });

  it('completes a Job, and counts the writes for it', async () => {
    const before = await lab.apiWrites();
    await lab.apply(job('good', { containers: [{ name: 'a', image: 'good:1' }] }));
    await until('the Job is complete', () => isComplete('good'));
    const { total, by } = writesBetween(before, await lab.apiWrites());
    expect(by).toMatchObject({ 'POST pods': 1, 'POST pods/binding': 1, 'PATCH pods/status': 1 });
    expect(total).toBe(Object.values(by).reduce((sum, count) => sum + count, 0));
  });

  it('reports failing images like a kubelet, per container, and also for mounted images', async () => {
    const containers = ['a', 'b', 'c', 'd'].map((name) => ({
      name,
      image: name === 'd' ? 'missing:1' : 'noop:1',
      volumeMounts: name === 'd' ? [] : [{ name, mountPath: '/image' }],
    }));
    const volumes = ['good:1', 'x/missing:2', 'denied:1'].map((reference, index) => ({
      name: containers[index]?.name,
      image: { reference },
    }));
    await lab.apply(job('mixed', { initContainers: [{ name: 'copy', image: 'noop:1' }], containers, volumes }));
    await until('the Pod has container statuses', async () =>
      JSON.stringify(await statuses('mixed')).includes('imageID'),
    );
    const denied: unknown = expect.stringContaining('pull access denied');
    expect(await statuses('mixed')).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [{ name: 'copy', state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
      containerStatuses: [
        { name: 'a', image: 'noop:1', state: { terminated: { exitCode: 0 } } },
        { name: 'b', image: 'noop:1', imageID: '', state: waiting(notFound('x/missing:2')) },
        { name: 'c', image: 'noop:1', imageID: '', state: waiting(denied) },
        { name: 'd', image: 'missing:1', imageID: '', state: waiting(notFound('missing:1')) },
      ],
    });
  });

  it('completes removal Jobs that report which images they removed and kept', async () => {
    const removal = { remove: ['a:1', 'b:1'], keep: ['b:1'] } as const;
    const place = { socket: '/run/containerd/containerd.sock', settings: settings({ namespace: 'default' }) };
    const entry = { ...newRemovalEntry(node().id, 'want', 1), attempt: 1 };
    const order = { cache: cache(), node: node({ name: 'sim-1' }), removal, entry, ...place };
    const { metadata, ...rest } = removalJob(order);
    await lab.apply({ ...rest, metadata });
    await until('the Job is complete', () => isComplete(metadata.name));
    const message = await lab.ask(
      ...['get', 'pod', '-l', `job-name=${metadata.name}`, '-o'],
      'jsonpath={.items[0].status.containerStatuses[0].state.terminated.message}',
    );
    expect(parseRemovalResult(message)).toMatchObject({
      freedBytes: 1000,
      counts: { removed: 1, absent: 0, spared: 1, failed: 0 },
      images: [
        { outcome: 'spared', image: 'b:1', reason: 'Wanted' },
        { outcome: 'removed', image: 'a:1' },
      ],
    });
  });

  it('takes 8 s to pull a slow image, and never completes a hanging one', async () => {
    await lab.apply(job('slow', { containers: [{ name: 'a', image: 'slow:1' }] }));
    await lab.apply(job('hang', { containers: [{ name: 'a', image: 'hang:1' }] }));
    const start = Date.now();
    await until('the slow Job is complete', () => isComplete('slow'));
    expect(Date.now() - start).toBeGreaterThan(7_000);
    expect(await statuses('hang')).not.toHaveProperty('containerStatuses');
  });

  it('gives its nodes Leases that end well before silent nodes are given up', async () => {
    const path = 'jsonpath={.spec.leaseDurationSeconds}';
    const lease = Number(await lab.ask('get', 'lease', 'sim-1', '-n', 'kube-node-lease', '-o', path));
    const managers = await runWell('pgrep', ['-fa', 'kube-controller-manager.*--node-monitor-grace-period']);
    const grace = Number(/--node-monitor-grace-period=(\d+)s/.exec(managers)?.[1]);
    expect(lease).toBeGreaterThan(0);
    expect(grace).toBeGreaterThan(lease);
    expect(await lab.ask('get', 'nodes', '--no-headers')).not.toContain('NotReady');
  });

  it('keeps its objects when its API server is killed and restarted', async () => {
    await lab.killDaemon('kube-apiserver');
    expect((await lab.kubectl('get', 'jobs', '--request-timeout=2s')).code).not.toBe(0);
    await lab.repair();
    expect(await isComplete('good')).toBe(true);
  });
});
