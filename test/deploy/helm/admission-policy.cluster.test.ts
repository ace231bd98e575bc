import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { madeCache } from '#model/knative/made-cache.ts';
import type { Spec } from '#model/cache/image-cache.ts';
import { digest, unlimited } from '../../functions/model/builders.ts';
import { manifestsIn, rendered, root } from './chart.ts';
import { changed, type Forbidden, forbiddenJobs, forbiddenMounts } from './forbidden-jobs.ts';
import { pullVariants, removalVariants } from '../policy/variants.ts';
import { installed, type Job, pull, removal } from './product-jobs.ts';

const lab = await sharedLab();
const { serverVersion } = JSON.parse(await lab.ask('version', '-o', 'json')) as { serverVersion: { minor: string } };
/** Before 1.35 the API server drops image volumes. */
const hasImageVolumes = Number(serverVersion.minor) >= 35;

/** Before 1.32 the API server drops managedBy, so there is nothing to deny. */
const isKnown = ([name]: Forbidden): boolean =>
  name !== 'managed by another controller' || Number(serverVersion.minor) >= 32;

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

/** Installs the accounts, rights and policy of the chart, without the process. */
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
  await inForce(privileged, 'pod: contains a field');
});
afterAll(async () => {
  const manifests = manifestsIn(await rendered(lab)).filter(isPolicy);
  const list = { apiVersion: 'v1', kind: 'List', items: manifests };
  await lab.kubectlWith(JSON.stringify(list), 'delete', '--ignore-not-found', '-f', '-');
});

describe('the policy for Jobs', () => {
  it('has no expression with a type checking warning', async () => {
    const types = () => lab.ask('get', 'validatingadmissionpolicies', '-o', 'jsonpath={.items[*].status.typeChecking}');
    await vi.waitFor(async () => expect((await types()).trim()).toBe('{} {}'), { timeout: 30_000, interval: 500 });
  });

  describe.each(Object.entries(forbiddenJobs))('denies a %s', (_, rows) => {
    it.each(rows.filter(isKnown))('%s', async (_, job, words) => {
      const { code, stderr } = await trying(job);
      expect(stderr).toMatch(/ValidatingAdmissionPolicy 'imagecache-functions-jobs' .* denied request/);
      expect(stderr).toContain(words);
      expect(code).toBe(1);
    });
  });

  describe.runIf(hasImageVolumes)('denies a pull Job that mounts images', () => {
    it.each(forbiddenMounts)('%s', async (_, job, words) => {
      const { stderr } = await trying(job);
      expect(stderr).toMatch(/ValidatingAdmissionPolicy 'imagecache-functions-jobs' .* denied request/);
      expect(stderr).toContain(words);
    });
  });

  it('allows every Job of ours', async () => {
    const mounts = ({ spec }: Job): boolean =>
      spec?.template.spec?.volumes?.some(({ image }) => image !== undefined) === true;
    const pulls = pullVariants.filter(([, job]) => hasImageVolumes || !mounts(job));
    const items = [...pulls, ...removalVariants].map(([, job]) => job);
    const { stdout, stderr } = await trying({ apiVersion: 'v1', kind: 'List', items });
    expect(stdout.trim().split('\n')).toEqual(items.map(({ metadata }) => `job.batch/${metadata.name}`));
    // The pull secret without a name has the API server warn.
    const errors = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Warning: '));
    expect(errors).toEqual([]);
  });

  it('does not restrict other accounts', async () => {
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
    ['its images', { spec: { cacheSpec: [{ images: ['evil:1'] }] } }, 'may not change the spec of an ImageCache'],
    ['its labels', { metadata: { labels: { team: 'other' } } }, 'may not change labels or owners'],
    [
      'another annotation',
      { metadata: { annotations: { 'example.com/note': null } } },
      'only remove the annotations that request',
    ],
    [
      'a new annotation',
      { metadata: { annotations: { 'example.com/new': 'x' } } },
      'only remove the annotations that request',
    ],
    ['another finalizer', { metadata: { finalizers: [] } }, 'only add and remove the finalizer kubefledged.io/purge'],
  ])('denies a change to an ImageCache in %s', async (_, change, words) => {
    const { stderr } = await patch(change);
    expect(stderr).toContain(words);
  });

  it.each([
    [
      'the annotation that requested a refresh',
      { metadata: { annotations: { 'kubefledged.io/refresh-imagecache': null } } },
    ],
    ['our finalizer', { metadata: { finalizers: ['example.com/other', 'kubefledged.io/purge'] } }],
  ])('allows functions to write %s', async (_, change) => {
    const { stdout, stderr } = await patch(change);
    expect({ stdout, stderr }).toEqual({ stdout: 'imagecache.kubefledged.io/guarded\n', stderr: '' });
  });

  it('allows to create the Lease of the source, and no other', async () => {
    const create = async (metadata: object) =>
      lab.kubectlWith(
        JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata }),
        ...['create', '--dry-run=server', '-o', 'name', '-f', '-', account],
      );
    const own = { name: 'imagecache-functions-source', namespace: 'kube-fledged' };
    await lab.ask('delete', 'lease', own.name, '-n', own.namespace); // the chart's
    expect(await create(own)).toMatchObject({ code: 0, stderr: '' });
    for (const metadata of [
      { ...own, name: 'another-controller' },
      { ...own, finalizers: ['example.com/forever'] },
      { ...own, labels: { app: 'x' } },
    ])
      expect((await create(metadata)).stderr).toContain('may only create the Lease imagecache-functions-source');
  });

  describe('for the cache of Images of Knative', () => {
    const made = madeCache('apps');
    const create = (of: object, name: string = made.metadata.name) =>
      lab.kubectlWith(
        JSON.stringify({ ...made, metadata: { ...made.metadata, name }, ...of }),
        ...['create', '--dry-run=server', '-o', 'name', '-f', '-', account],
      );
    const remove = (name: string) =>
      lab.kubectl('delete', 'imagecache', name, '-n', 'apps', '--dry-run=server', account);
    const right = { name: 'images-of-knative', namespace: 'apps' };
    beforeAll(async () => {
      const rules = [{ apiGroups: ['kubefledged.io'], resources: ['imagecaches'], verbs: ['create', 'delete'] }];
      const api = 'rbac.authorization.k8s.io';
      const subjects = [{ kind: 'User', name: account.replace('--as=', ''), apiGroup: api }];
      const roleRef = { apiGroup: api, kind: 'Role', name: right.name };
      await lab.apply({ apiVersion: `${api}/v1`, kind: 'Role', metadata: right, rules });
      await lab.apply({ apiVersion: `${api}/v1`, kind: 'RoleBinding', metadata: right, roleRef, subjects });
    });
    afterAll(() => lab.ask('delete', 'role,rolebinding', right.name, '-n', 'apps'));

    it('allows it as it is made, and no other', async () => {
      expect(await create({})).toMatchObject({ stdout: 'imagecache.kubefledged.io/knative-images\n', stderr: '' });
      const words = 'may only create the ImageCache knative-images';
      for (const of of [
        { spec: { cacheSpec: [{ images: ['evil:1'] }] } },
        { spec: { ...made.spec, deletionPolicy: 'Purge' } },
        { metadata: { ...made.metadata, annotations: {} } },
        { metadata: { ...made.metadata, finalizers: ['example.com/forever'] } },
      ])
        expect((await create(of)).stderr).toContain(words);
      expect((await create({}, 'other')).stderr).toContain(words);
    });

    it('allows to delete only what was made', async () => {
      expect((await remove('guarded')).stderr).toContain(
        'may only delete the ImageCache knative-images that they made',
      );
      await lab.apply({ ...made, metadata: { ...made.metadata, annotations: {} } });
      expect((await remove(made.metadata.name)).stderr).toContain('may only delete the ImageCache knative-images');
      await lab.ask(
        'annotate',
        'imagecache',
        made.metadata.name,
        '-n',
        'apps',
        'kubefledged.io/made-for=knative-images',
      );
      expect(await remove(made.metadata.name)).toMatchObject({ code: 0, stderr: '' });
      await lab.ask('delete', 'imagecache', made.metadata.name, '-n', 'apps');
    });
  });

  describe('for nodes, with the warm gate', () => {
    const cold = { key: 'example.com/cold', effect: 'NoSchedule' };
    // A taint of Kubernetes that no controller adds or removes.
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
      const denied = async () =>
        expect((await change({ spec: { taints: [] } })).stderr).toContain('may only remove example.com/cold');
      await vi.waitFor(denied, { timeout: 30_000, interval: 200 });
    });
    afterAll(async () => {
      await lab.ask('delete', 'node', 'gated');
      await install();
    });

    it.each([
      ['the removal of another taint', { spec: { taints: [cold, lost] } }, 'may only remove example.com/cold'],
      ['the removal of a taint of Kubernetes', { spec: { taints: [cold, pool] } }, 'may only remove example.com/cold'],
      [
        'a new taint',
        { spec: { taints: [cold, pool, lost, { key: 'x', effect: 'NoExecute' }] } },
        'may not add taints to a Node',
      ],
      ['a cordon', { spec: { unschedulable: true } }, 'only change taints in the spec of a Node'],
      ['another label', { metadata: { labels: { pool: 'db' } } }, 'only set the label kubefledged.io/warm'],
      ['the removal of a label', { metadata: { labels: { pool: null } } }, 'only set the label kubefledged.io/warm'],
      ['an annotation', { metadata: { annotations: { a: 'b' } } }, 'only set the label kubefledged.io/warm'],
    ])('denies %s', async (_, patched, words) => {
      expect((await change(patched)).stderr).toContain(words);
    });

    it('allows the removal of the startup taint and the label warm', async () => {
      // The current taints: controllers add taints and timestamps, also between read and write.
      const warm = async () => {
        const taints = JSON.parse(await lab.ask('get', 'node', 'gated', '-o', 'jsonpath={.spec.taints}')) as Taint[];
        const kept = taints.filter(({ key }) => key !== cold.key);
        const patched = { metadata: { labels: { 'kubefledged.io/warm': 'true' } }, spec: { taints: kept } };
        expect(await change(patched)).toMatchObject({ code: 0, stderr: '' });
      };
      await vi.waitFor(warm, { timeout: 30_000, interval: 500 });
    });
  });

  it('allows only the deletion of Jobs with our labels', async () => {
    const other = { name: 'other', namespace: 'apps', labels: { app: 'other' } };
    await lab.apply(changed(pull(), ['metadata'], other));
    await lab.apply(removal());
    const remove = (name: string, namespace: string) =>
      lab.kubectl('delete', 'job', name, '-n', namespace, '--dry-run=server', account);
    expect((await remove('other', 'apps')).stderr).toContain('functions may only delete their own Jobs');
    expect((await remove(removal().metadata.name, 'kube-fledged')).stderr).toBe('');
    await lab.ask('delete', 'job', 'other', '-n', 'apps', '--wait=false');
    await lab.ask('delete', 'job', removal().metadata.name, '-n', 'kube-fledged', '--wait=false');
  });
});

describe('the policy with other settings', () => {
  const values = [
    'args.controllerServiceAccountName=puller',
    'args.controllerImageDeleteJobHostNetwork=true',
    'args.controllerCRISocketPath=/run/other.sock',
    'global.imageRegistry=registry.example.com:5000',
    `images.functions.digest=${digest}`,
    'limits.podMetadataKeys={cost-center,example.com/*}',
    'limits.priorityClasses={low}',
  ];
  const settings = installed({
    serviceAccountName: 'puller',
    imageDeleteJobHostNetwork: true,
    noopImage: 'registry.example.com:5000/imagecache-functions/imagecache-noop:0.1.0',
    removalImage: `registry.example.com:5000/imagecache-functions/imagecache-functions@${digest}`,
  });
  beforeAll(async () => {
    await install(...values);
    await inForce(removal({ settings, socket: '/run/containerd/containerd.sock' }), 'socket of the container runtime');
  });

  it('allows the priority classes, labels and annotations that it lists, and no others', async () => {
    const limits = { ...unlimited, priorityClasses: ['low'] };
    const of = (spec: Partial<Spec>) => trying(pull({ settings: { ...settings, limits }, spec }));
    const labels = { 'cost-center': '7', 'example.com/owner': 'x' };
    expect((await of({ priorityClassName: 'low', podMetadata: { labels, annotations: labels } })).stderr).toBe('');
    for (const key of ['team', 'example.com.evil/x', 'x.example.com/x', 'sidecar.istio.io/userVolume'])
      for (const podMetadata of [
        { labels: { [key]: 'x' }, annotations: {} },
        { labels: {}, annotations: { [key]: 'x' } },
      ])
        expect((await of({ podMetadata })).stderr).toContain('only labels and annotations of the product');
  });

  it('allows the Jobs created with them, and denies those with the defaults', async () => {
    expect((await trying(removal({ settings, socket: '/run/other.sock' }))).stderr).toBe('');
    expect((await trying(pull({ settings }))).stderr).toBe('');
    expect((await trying(removal({ socket: '/run/other.sock' }))).stderr).toContain('denied request');
    expect((await trying(pull())).stderr).toContain('denied request');
  });
});
