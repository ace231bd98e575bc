import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { established, installCrd } from '../../behaviour/lab-under-test.ts';
import { eventually } from '../../behaviour/eventually.ts';
import { product } from '../../behaviour/product.ts';
import { type Result } from '../../cluster/run.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { controllerPod, kubeFledgedCrd, oldJob, statuses, webhookConfiguration } from './kube-fledged.ts';

const lab = await sharedLab();
const root = join(import.meta.dirname, '../../..');
const namespace = 'migration';
const nodeSelector = { 'kubernetes.io/hostname': 'sim-1' };
const program = product({ kubeconfig: lab.kubeconfig, master: '', env: {} });

const Cache = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    annotations: z.optional(z.record(z.string(), z.string())),
  }),
  status: z.optional(z.looseObject({ status: z.string(), reason: z.string(), startTime: z.string() })),
});

let bin: string;
/** kubectl runs the plugin from the PATH. */
const plugin = (...args: readonly string[]): Promise<Result> => {
  const env = { ...process.env, KUBECONFIG: lab.kubeconfig, PATH: [bin, process.env['PATH']].join(delimiter) };
  return new Promise((resolve, reject) => {
    const child = lab.enter('kubectl', ['imagecache', ...args], { env: { PATH: env.PATH } });
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ stdout, stderr, code: code ?? -1 }));
  });
};

const caches = async () => {
  const list = await lab.ask('-n', namespace, 'get', 'imagecaches', '-o', 'json');
  const { items } = z.object({ items: z.array(Cache) }).parse(JSON.parse(list));
  return new Map(items.map((item) => [item.metadata.name, item]));
};
const jobNames = async (): Promise<readonly string[]> =>
  (await lab.ask('-n', namespace, 'get', 'jobs', '-o', 'name')).split('\n').filter((name) => name !== '');

beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), 'kubectl-plugin-'));
  await symlink(join(root, 'deploy/plugin/kubectl-imagecache.mjs'), join(bin, 'kubectl-imagecache'));
  await lab.simulate(1);
  await lab.kubectl('delete', 'crd', 'imagecaches.kubefledged.io', '--ignore-not-found');
  await lab.apply(kubeFledgedCrd);
  await established(lab);
  await lab.ask('create', 'namespace', namespace);
  for (const [name, status] of Object.entries(statuses)) {
    const times = { startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:01:00Z' };
    await lab.apply({
      apiVersion: 'kubefledged.io/v1alpha2',
      kind: 'ImageCache',
      metadata: { name, namespace, annotations: name === 'stale' ? { 'kubefledged.io/purge-imagecache': '' } : {} },
      spec: { cacheSpec: [{ images: ['registry.example/old:1'], nodeSelector }] },
      status: { message: 'a message of kube-fledged', ...times, ...status },
    });
  }
  const { uid } = (await caches()).get('succeeded')?.metadata ?? { uid: '' };
  await lab.apply(oldJob(namespace, { name: 'succeeded', uid }));
  await lab.apply(controllerPod(namespace));
  await lab.apply(webhookConfiguration(namespace));
});

afterAll(async () => {
  await program.stop().catch(() => -1);
  await lab.kubectl('delete', 'validatingwebhookconfiguration', 'kubefledged-webhook-server', '--ignore-not-found');
  await lab.kubectl('delete', 'crd', 'imagecaches.kubefledged.io', '--ignore-not-found');
  await lab.kubectl('delete', 'namespace', namespace, '--ignore-not-found', '--wait=false');
  await installCrd(lab);
  await rm(bin, { recursive: true });
});

/** Each step continues where the previous one ended. */
describe('a migration from kube-fledged and back', () => {
  it('the check finds controller, webhook, CRD and Job', async () => {
    const { code, stdout } = await plugin('migrate', '--check');
    expect(code).toBe(2);
    expect(stdout).toMatch(/^controller +blocks +kube-fledged runs: pod migration\/kubefledged-controller-0\./m);
    expect(stdout).toContain('kubectl delete validatingwebhookconfiguration kubefledged-webhook-server');
    expect(stdout).toContain('kubectl apply --server-side --force-conflicts -f crds/imagecache.yaml');
    expect(stdout).toMatch(/^Jobs +note +1 Job of kube-fledged left/m);
  });

  it('the webhook without its server rejects every write until it is deleted', async () => {
    const annotate = () =>
      lab.kubectl('-n', namespace, 'annotate', 'imagecache', 'succeeded', 'mine=yes', '--overwrite');
    await eventually('writes are rejected', async () => (await annotate()).stderr.includes('failed calling webhook'));
    await lab.ask('delete', 'validatingwebhookconfiguration', 'kubefledged-webhook-server');
    await eventually('writes are accepted', async () => (await annotate()).code === 0);
  });

  it('our CRD replaces that of kube-fledged', async () => {
    await lab.ask('apply', '--server-side', '--force-conflicts', '-f', join(root, 'crds/imagecache.yaml'));
    await established(lab);
    await eventually('the status subresource is served', async () =>
      (await lab.ask('get', '--raw', '/apis/kubefledged.io/v1alpha2')).includes('imagecaches/status'),
    );
  });

  it('while its controller runs, the product is not ready and writes nothing; it starts once the controller is deleted', async () => {
    const starting = program.start();
    await eventually('it logs that it waits', () => program.log().some((line) => line.includes('kube-fledged runs')));
    expect(program.log().some((line) => line.includes('"msg":"leading"'))).toBe(false);
    expect(await jobNames()).toEqual(['job.batch/succeeded-x7k2p']);
    await lab.ask('-n', namespace, 'delete', 'pod', 'kubefledged-controller-0', '--grace-period=0', '--force');
    await starting;
    expect(program.log().some((line) => line.includes('kube-fledged is gone'))).toBe(true);
  });

  it('every cache is adopted; interrupted ones are pulled, and those that matched no node to nodes that match now', async () => {
    await eventually('all are adopted', async () =>
      [...(await caches()).values()].every(({ status }) => status?.['observedGeneration'] !== undefined),
    );
    expect((await plugin('wait', 'processing', '-n', namespace, '--timeout=60s')).code).toBe(0);
    expect((await plugin('wait', 'aborted', '-n', namespace, '--timeout=60s')).code).toBe(0);
    expect((await plugin('wait', 'unmatched', '-n', namespace, '--timeout=60s')).code).toBe(0);
    const now = await caches();
    for (const [name, { status, reason }] of Object.entries(statuses)) {
      const wasInterrupted = name === 'processing' || name === 'aborted';
      const word = name === 'unmatched' ? 'Succeeded' : status;
      const expected = wasInterrupted ? { status: 'Succeeded', reason: 'ImageCacheRefresh' } : { status: word, reason };
      expect({ name, ...now.get(name)?.status }).toMatchObject({ name, ...expected });
    }
    const rounds = [...now.values()].map(({ metadata: { name }, status }) => [name, status?.['round']]);
    expect(Object.fromEntries(rounds)).toMatchObject({
      succeeded: { number: 0 },
      purged: { number: 0 },
      aborted: { number: 1 },
    });
    await eventually(
      'the stale annotation is removed',
      async () => !('kubefledged.io/purge-imagecache' in ((await caches()).get('stale')?.metadata.annotations ?? {})),
    );
  });

  it('its Job is deleted, and the check reports nothing that blocks', async () => {
    await eventually('the Job is deleted', async () => !(await jobNames()).includes('job.batch/succeeded-x7k2p'));
    const { code, stdout } = await plugin('migrate', '--check');
    expect([code, stdout]).toEqual([0, expect.stringContaining('Nothing that could be checked blocks.')]);
    expect((await plugin('status', '-n', namespace)).stdout).toMatch(/^failed +Failed +0\/1 +0 +1 /m);
  });

  it('its CRD, applied again while the product runs, is logged once, ends readiness, and is over when ours is back', async () => {
    const since = program.log().length;
    const lines = (text: string) =>
      program
        .log()
        .slice(since)
        .filter((line) => line.includes(text));
    const port = /"port":(\d+),"msg":"listening"/.exec(program.log().join('\n'))?.[1] ?? '';
    const isReady = async () => (await fetch(`http://127.0.0.1:${port}/_/ready`)).status;
    expect(await isReady()).toBe(200);
    expect((await lab.kubectlWith(JSON.stringify(kubeFledgedCrd), 'replace', '-f', '-')).stderr).toBe('');
    await eventually('it is not ready', async () => (await isReady()) === 503);
    const late = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata: { name: 'late', namespace } };
    await lab.apply({ ...late, spec: { cacheSpec: [{ images: ['registry.example/late:1'], nodeSelector }] } });
    await lab.ask('-n', namespace, 'annotate', 'imagecache', 'succeeded', 'kubefledged.io/purge-imagecache=');
    await lab.ask('apply', '--server-side', '--force-conflicts', '-f', join(root, 'crds/imagecache.yaml'));
    await eventually('it is ready again', async () => (await isReady()) === 200);
    expect((await plugin('wait', 'late', '-n', namespace, '--timeout=60s')).code).toBe(0);
    await eventually('the purge that was requested meanwhile is served', async () => {
      const { metadata, status } = (await caches()).get('succeeded') ?? {};
      return (
        status?.['reason'] === 'ImageCachePurge' &&
        metadata?.annotations?.['kubefledged.io/purge-imagecache'] === undefined
      );
    });
    expect(lines('the CRD is that of kube-fledged, and no status can be written: not ready')).toHaveLength(1);
    expect(lines('the CRD is that of imagecache-functions again')).toHaveLength(1);
    expect(lines('"stack"')).toEqual([]);
    expect(lines('').length).toBeLessThan(40);
  });

  it('a rollback to its CRD keeps all caches and the status fields that it knows', async () => {
    await program.stop();
    const before = await caches();
    const replaced = await lab.kubectlWith(JSON.stringify(kubeFledgedCrd), 'replace', '-f', '-');
    expect(replaced.stderr).toBe('');
    await eventually(
      'it is served',
      async () => !(await lab.ask('get', '--raw', '/apis/kubefledged.io/v1alpha2')).includes('imagecaches/status'),
    );
    const after = await eventually('unknown fields are pruned', async () => {
      const found = await caches();
      return [...found.values()].every(({ status }) => status?.['nodes'] === undefined) && found;
    });
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [name, { metadata, status }] of after) {
      const { status: result, reason, startTime } = before.get(name)?.status ?? {};
      expect([metadata.uid, status]).toMatchObject([
        before.get(name)?.metadata.uid,
        { status: result, reason, startTime },
      ]);
      // kube-fledged replaces whole objects.
      const written = await lab.kubectlWith(JSON.stringify(after.get(name)), '-n', namespace, 'replace', '-f', '-');
      expect(written.code).toBe(0);
    }
  });
});
