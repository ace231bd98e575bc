import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { digest } from '../../functions/model/builders.ts';
import { manifestsIn, rendered, root } from './chart.ts';
import { changed, type Forbidden, forbiddenJobs, forbiddenMounts } from './forbidden-jobs.ts';
import { copyingJobs, installed, mountingJobs, pull, removal, removalJobs } from './product-jobs.ts';

const lab = await sharedLab();
const { serverVersion } = JSON.parse(await lab.ask('version', '-o', 'json')) as { serverVersion: { minor: string } };
/** Below 1.35 the API server takes image volumes away, and no node has them for which the functions ask. */
const hasImageVolumes = Number(serverVersion.minor) >= 35;

/** Below 1.32 it takes away who else manages a Job, and there is nothing to refuse. */
const isKnown = ([name]: Forbidden): boolean =>
  name !== 'managed by somebody else' || Number(serverVersion.minor) >= 32;

const account = '--as=system:serviceaccount:kube-fledged:imagecache-functions';
const trying = (object: object) =>
  lab.kubectlWith(JSON.stringify(object), 'create', '--dry-run=server', '-o', 'name', '-f', '-', account);

type Taint = { readonly key: string };

const namespaces = ['apps', 'kube-fledged'].map((name) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
}));
const isPolicy = ({ kind }: { readonly kind: string }) => kind.startsWith('ValidatingAdmissionPolicy');

/** The chart's accounts, rights and policy, without the process. */
const install = async (...values: readonly string[]): Promise<void> => {
  const manifests = manifestsIn(await rendered(lab, ...values)).filter(({ kind }) => kind !== 'Deployment');
  await lab.apply({ apiVersion: 'v1', kind: 'List', items: [...namespaces, ...manifests] });
};

const inForce = async (job: object, words: string): Promise<void> =>
  vi.waitFor(async () => expect((await trying(job)).stderr).toContain(words), { timeout: 30_000, interval: 200 });

const privileged = changed(pull(), ['spec', 'template', 'spec', 'hostPID'], true);

beforeAll(async () => {
  await lab.ask('apply', '--server-side', '--force-conflicts', '-f', `${root}/crds/imagecache.yaml`);
  await install();
  await inForce(privileged, 'pod: a field');
});
afterAll(async () => {
  const manifests = manifestsIn(await rendered(lab)).filter(isPolicy);
  const list = { apiVersion: 'v1', kind: 'List', items: manifests };
  await lab.kubectlWith(JSON.stringify(list), 'delete', '--ignore-not-found', '-f', '-');
});

describe('the policy for Jobs', () => {
  it('has no expression that the API server would warn of', async () => {
    const types = () => lab.ask('get', 'validatingadmissionpolicies', '-o', 'jsonpath={.items[*].status.typeChecking}');
    await vi.waitFor(async () => expect((await types()).trim()).toBe('{} {}'), { timeout: 30_000, interval: 500 });
  });

  describe.each(Object.entries(forbiddenJobs))('refuses a %s', (_, rows) => {
    it.each(rows.filter(isKnown))('%s', async (_, job, words) => {
      const { code, stderr } = await trying(job);
      expect(stderr).toMatch(/ValidatingAdmissionPolicy 'imagecache-functions-jobs' .* denied request/);
      expect(stderr).toContain(words);
      expect(code).toBe(1);
    });
  });

  describe.runIf(hasImageVolumes)('refuses a pull Job that mounts images', () => {
    it.each(forbiddenMounts)('%s', async (_, job, words) => {
      const { stderr } = await trying(job);
      expect(stderr).toMatch(/ValidatingAdmissionPolicy 'imagecache-functions-jobs' .* denied request/);
      expect(stderr).toContain(words);
    });
  });

  it.each([
    ...Object.entries(copyingJobs).map(([name, job]) => [`copies: ${name}`, job] as const),
    ...Object.entries(hasImageVolumes ? mountingJobs : {}).map(([name, job]) => [`mounts: ${name}`, job] as const),
    ...Object.entries(removalJobs).map(([name, job]) => [`removes: ${name}`, job] as const),
  ])('takes a Job of ours that %s', async (_, job) => {
    const { stdout, stderr } = await trying(job);
    expect({ stdout, stderr }).toEqual({ stdout: `job.batch/${job.metadata.name}\n`, stderr: '' });
  });

  it('lets everybody else make what Jobs they may', async () => {
    const { stdout } = await lab.kubectlWith(
      JSON.stringify(privileged),
      ...['create', '--dry-run=server', '-o', 'name', '-f', '-'],
    );
    expect(stdout).toMatch(/^job\.batch\/web-/);
  });
});

describe('the policy for changes', () => {
  const cache = {
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: {
      name: 'guarded',
      namespace: 'apps',
      labels: { team: 'web' },
      annotations: { 'kubefledged.io/refresh-imagecache': '', 'example.com/note': 'x' },
      finalizers: ['example.com/other'],
    },
    spec: { cacheSpec: [{ images: ['app:1'] }] },
  };
  const patch = async (change: object) =>
    lab.kubectl(
      ...['patch', 'imagecache', 'guarded', '-n', 'apps', '--type=merge', '-p', JSON.stringify(change)],
      ...['--dry-run=server', '-o', 'name', account],
    );
  beforeAll(() => lab.apply(cache));
  afterAll(async () => {
    await lab.ask(
      'patch',
      'imagecache',
      'guarded',
      '-n',
      'apps',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":[]}}',
    );
    await lab.ask('delete', 'imagecache', 'guarded', '-n', 'apps', '--ignore-not-found');
  });

  it.each([
    ['its images', { spec: { cacheSpec: [{ images: ['evil:1'] }] } }, 'never change what an ImageCache asks for'],
    ['its labels', { metadata: { labels: { team: 'other' } } }, 'neither labels nor owners'],
    ['another annotation', { metadata: { annotations: { 'example.com/note': null } } }, 'touch no other'],
    ['a new annotation', { metadata: { annotations: { 'example.com/new': 'x' } } }, 'touch no other'],
    ['another finalizer', { metadata: { finalizers: [] } }, 'one finalizer, kubefledged.io/purge'],
  ])('refuses to change an ImageCache at %s', async (_, change, words) => {
    const { stderr } = await patch(change);
    expect(stderr).toContain(words);
  });

  it.each([
    ['the annotation that asked', { metadata: { annotations: { 'kubefledged.io/refresh-imagecache': null } } }],
    ['our finalizer', { metadata: { finalizers: ['example.com/other', 'kubefledged.io/purge'] } }],
  ])('lets the functions write %s', async (_, change) => {
    const { stdout, stderr } = await patch(change);
    expect({ stdout, stderr }).toEqual({ stdout: 'imagecache.kubefledged.io/guarded\n', stderr: '' });
  });

  describe('of a node, where the warm gate may patch nodes', () => {
    const cold = { key: 'example.com/cold', effect: 'NoSchedule' };
    // Kubernetes has this one, and no controller puts it on or takes it away.
    const [pool, lost] = ['example.com/pool', 'node.kubernetes.io/out-of-service'].map((key) => ({
      key,
      effect: 'NoExecute',
    }));
    const change = async (patched: object) =>
      lab.kubectl('patch', 'node', 'gated', '--type=merge', '-p', JSON.stringify(patched), '--dry-run=server', account);
    beforeAll(async () => {
      await install('warmGate.taints[0]=example.com/cold');
      const metadata = { name: 'gated', labels: { pool: 'web' } };
      await lab.apply({ apiVersion: 'v1', kind: 'Node', metadata, spec: { taints: [cold, pool, lost] } });
      const refused = async () => expect((await change({ spec: { taints: [] } })).stderr).toContain('none away but');
      await vi.waitFor(refused, { timeout: 30_000, interval: 200 });
    });
    afterAll(async () => {
      await lab.ask('delete', 'node', 'gated');
      await install();
    });

    it.each([
      ['another taint away', { spec: { taints: [cold, lost] } }, 'none away but example.com/cold'],
      ['a taint of Kubernetes away', { spec: { taints: [cold, pool] } }, 'none away but example.com/cold'],
      [
        'a taint on',
        { spec: { taints: [cold, pool, lost, { key: 'x', effect: 'NoExecute' }] } },
        'put no taint on a Node',
      ],
      ['it out of use', { spec: { unschedulable: true } }, 'nothing of a Node'],
      ['another label on', { metadata: { labels: { pool: 'db' } } }, 'one label of a Node'],
      ['a label away', { metadata: { labels: { pool: null } } }, 'one label of a Node'],
      ['an annotation on', { metadata: { annotations: { a: 'b' } } }, 'one label of a Node'],
    ])('does not let it take or put %s', async (_, patched, words) => {
      expect((await change(patched)).stderr).toContain(words);
    });

    it('lets the startup taint go, and the node be called warm', async () => {
      // As they are by now: controllers add taints, and the time to some, also between the reading and the writing.
      const warm = async () => {
        const taints = JSON.parse(await lab.ask('get', 'node', 'gated', '-o', 'jsonpath={.spec.taints}')) as Taint[];
        const kept = taints.filter(({ key }) => key !== cold.key);
        const patched = { metadata: { labels: { 'kubefledged.io/warm': 'true' } }, spec: { taints: kept } };
        expect(await change(patched)).toMatchObject({ code: 0, stderr: '' });
      };
      await vi.waitFor(warm, { timeout: 30_000, interval: 500 });
    });
  });

  it('lets no Job be deleted but those with our labels', async () => {
    const other = { name: 'other', namespace: 'apps', labels: { app: 'other' } };
    await lab.apply(changed(pull(), ['metadata'], other));
    await lab.apply(removal());
    const remove = (name: string, namespace: string) =>
      lab.kubectl('delete', 'job', name, '-n', namespace, '--dry-run=server', account);
    expect((await remove('other', 'apps')).stderr).toContain('the functions delete no Jobs but their own');
    expect((await remove(removal().metadata.name, 'kube-fledged')).stderr).toBe('');
    await lab.ask('delete', 'job', 'other', '-n', 'apps', '--wait=false');
    await lab.ask('delete', 'job', removal().metadata.name, '-n', 'kube-fledged', '--wait=false');
  });
});

describe('the policy with an operator’s settings', () => {
  const values = [
    'args.controllerServiceAccountName=puller',
    'args.controllerImageDeleteJobHostNetwork=true',
    'args.controllerCRISocketPath=/run/other.sock',
    'global.imageRegistry=registry.example.com:5000',
    `images.functions.digest=${digest}`,
  ];
  const settings = installed({
    serviceAccountName: 'puller',
    imageDeleteJobHostNetwork: true,
    noopImage: 'registry.example.com:5000/imagecache-functions/imagecache-noop:0.1.0',
    removalImage: `registry.example.com:5000/imagecache-functions/imagecache-functions@${digest}`,
  });
  beforeAll(async () => {
    await install(...values);
    await inForce(removal({ settings, socket: '/run/containerd/containerd.sock' }), "container runtime's socket");
  });

  it('takes the Jobs that are made under them, and no longer the others', async () => {
    expect((await trying(removal({ settings, socket: '/run/other.sock' }))).stderr).toBe('');
    expect((await trying(pull({ settings }))).stderr).toBe('');
    expect((await trying(removal({ socket: '/run/other.sock' }))).stderr).toContain('denied request');
    expect((await trying(pull())).stderr).toContain('denied request');
  });
});
