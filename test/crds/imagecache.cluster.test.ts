import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { established } from '../behaviour/lab-under-test.ts';
import { isSharedMachine } from '../behaviour/time-factor.ts';
import { sharedLab } from '../cluster/shared-lab.ts';
import { crdPath } from './custom-resource.ts';
import { badReferences } from './image-references.ts';
import { acceptedSpecs, rejectedSpecs } from './specs.ts';

const lab = await sharedLab();
const namespace = 'crds';
const samples = join(import.meta.dirname, '../../deploy/samples');

const imageCache = (name: string, spec: object, status: object = {}) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name, namespace },
  spec,
  status,
});

const kubectl = (...args: readonly string[]) => lab.kubectl('-n', namespace, ...args);
const ask = (...args: readonly string[]) => lab.ask('-n', namespace, ...args);
const create = (object: object, ...args: readonly string[]) =>
  lab.kubectlWith(JSON.stringify(object), '-n', namespace, 'create', '-f', '-', ...args);
const apply = (object: object, ...args: readonly string[]) =>
  lab.kubectlWith(JSON.stringify(object), '-n', namespace, 'apply', '-f', '-', ...args);
const patchStatus = (name: string, status: object) =>
  kubectl('patch', 'ic', name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));

/** The errors of a rejected object, one per line. */
const errorsIn = (stderr: string): string[] =>
  stderr
    .replace(/^The ImageCache "[^"]*" is invalid: /, '')
    .split(/\n\* |\n/)
    .filter((line) => line !== '');

const isOldest = process.env['CONTROL_PLANE'] === 'oldest';

/** Older API servers word the invalid value and the length limit differently: only the rest is compared there. */
const comparable = (errors: readonly string[]): readonly string[] =>
  isOldest
    ? errors.map((error) =>
        error
          .replace(/Invalid value: (("[^"]*"|-?\d+|null): )?/, 'Invalid value: ')
          .replace(/Too long: .*/, 'Too long'),
      )
    : errors;

const kubeFledgedCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'imagecaches.kubefledged.io' },
  spec: {
    group: 'kubefledged.io',
    scope: 'Namespaced',
    names: { kind: 'ImageCache', plural: 'imagecaches', singular: 'imagecache', shortNames: ['ic'] },
    versions: [
      {
        name: 'v1alpha2',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

const served = async (): Promise<void> =>
  expect((await lab.kubectl('get', '--raw', '/apis/kubefledged.io/v1alpha2')).stdout).toContain('imagecaches/status');

/** Specs that kube-fledged accepts and our CRD rejects; the empty list only without its webhook. */
const inheritedSpecs = {
  inherited: { cacheSpec: [{ images: ['a b', 'a b'] }], imagePullSecrets: [{ name: 'X Y' }, { name: 'X Y' }] },
  'inherited-empty': { cacheSpec: [{ images: [] }] },
};

/** Installs the CRD of kube-fledged with caches that ours would reject, then our CRD over it, as in a migration. */
beforeAll(async () => {
  await lab.ask('delete', 'crd', 'imagecaches.kubefledged.io', '--ignore-not-found');
  await lab.kubectl('create', 'namespace', namespace);
  await lab.apply(kubeFledgedCrd);
  await established(lab);
  for (const [name, spec] of Object.entries(inheritedSpecs)) {
    const object = imageCache(name, spec, { status: 'Aborted', reason: 'ImagePullAborted', startTime: null });
    const created = async () => expect((await create(object)).stderr).toMatch(/^$|already exists/);
    await vi.waitFor(created, { timeout: 30_000, interval: 200 });
  }
  await lab.apply(readFileSync(crdPath, 'utf8'));
  await vi.waitFor(served, { timeout: 30_000, interval: 200 });
});

describe('a manifest is accepted', () => {
  it.each(acceptedSpecs)('when $when', async ({ spec }) => {
    const { stderr, code } = await create(imageCache('accepted', spec), '--dry-run=server');
    expect([stderr, code]).toEqual(['', 0]);
  });

  const manifests = readdirSync(samples, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(?<!values)\.yaml$/.test(file),
  );
  it.each(manifests)('when it is the sample %s', async (file) => {
    const { stderr, code } = await kubectl('apply', '--dry-run=server', '-f', join(samples, file));
    expect([stderr, code]).toEqual(['', 0]);
  });
});

describe('a manifest is rejected', () => {
  it.each(rejectedSpecs)('when $when', async ({ spec, errors }) => {
    const { stderr, code } = await create(imageCache('rejected', spec), '--dry-run=server');
    expect(comparable(errorsIn(stderr))).toEqual(comparable(errors));
    expect(code).toBe(1);
  });

  it('when it has a field that does not exist', async () => {
    const { stderr } = await create(imageCache('rejected', { cacheSpec: [], imagePullSecret: [] }), '--dry-run=server');
    expect(stderr).toContain('unknown field "spec.imagePullSecret"');
  });

  it('for every invalid reference, with the expected form', async () => {
    const { stderr } = await create(
      imageCache('rejected', { cacheSpec: [{ images: ['nginx', ...badReferences] }] }),
      '--dry-run=server',
    );
    badReferences.forEach((reference, index) => {
      const path = `spec.cacheSpec[0].images[${index + 1}]`;
      expect(stderr).toContain(
        `${path}: Invalid value: ${JSON.stringify(reference)}: ${path} in body should match 'an image reference such as nginx:1.27, registry.example.com:5000/team/app:v1 or app@sha256:HEX, its name in lower case; as a pattern: `,
      );
    });
  });
});

describe('a stored cache of kube-fledged that our CRD would reject', () => {
  const writeStatus = ['patch', '--subresource=status', '--type=merge', '-p', '{"status":{"status":"Failed"}}'];

  it.each([
    ['a status', writeStatus],
    ['a label', ['label', 'a=b']],
    ['an annotation', ['annotate', 'kubefledged.io/refresh-imagecache=']],
    ['the removal of an annotation', ['annotate', 'kubefledged.io/refresh-imagecache-']],
    ['another field of the spec', ['patch', '--type=merge', '-p', '{"spec":{"suspend":true}}']],
  ])('accepts %s', async (_, [verb = '', ...args]) => {
    const { stderr, code } = await kubectl(verb, 'imagecache', 'inherited', ...args);
    expect([stderr, code]).toEqual(['', 0]);
  });

  it.skipIf(isOldest)('accepts a status if a list is empty, except on the oldest Kubernetes', async () => {
    const [verb = '', ...args] = writeStatus;
    const { stderr, code } = await kubectl(verb, 'imagecache', 'inherited-empty', ...args);
    expect(stderr).toMatch(/^Warning: .* No images specified within image list\n$/);
    expect(code).toBe(0);
  });
});

describe('a status', () => {
  beforeAll(async () => {
    await create(imageCache('status', { cacheSpec: [{ images: ['nginx'] }] }, { status: 'Succeeded' }));
  });

  it('is a subresource: the spec and the status are written separately', async () => {
    expect(await ask('get', 'ic', 'status', '-o', 'jsonpath={.status}')).toBe('');
    const patch = { spec: { suspend: true }, status: { status: 'Processing' } };
    await ask('patch', 'ic', 'status', '--subresource=status', '--type=merge', '-p', JSON.stringify(patch));
    expect(
      await ask('get', 'ic', 'status', '-o', 'jsonpath={.status.status} {.spec.suspend} {.metadata.generation}'),
    ).toBe('Processing  1');
  });

  it('stores every field', async () => {
    const time = '2026-11-24T10:00:00Z';
    const status = {
      status: 'Failed',
      reason: 'ImageCacheCreate',
      message: 'x'.repeat(5_000),
      startTime: time,
      completionTime: time,
      failures: { 'nginx:9': [{ node: 'n', reason: 'ErrImagePull', message: 'y'.repeat(10_000) }] },
      failuresOmitted: 3,
      format: 1,
      observedGeneration: 1,
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'PullFailed',
          message: '',
          observedGeneration: 1,
          lastTransitionTime: time,
        },
      ],
      nodesReady: '1/2',
      nodeCounts: { desired: 2, ready: 1, pulling: 0, failing: 0, failed: 1, held: 0, skipped: 0 },
      images: [{ image: 'nginx:9', digest: 'sha256:0', ready: 1, failed: 1 }],
      nodes: {
        n: {
          id: 'a',
          desiredHash: 'b',
          attempt: 1,
          state: 'Skipped',
          reason: 'NotReady',
          images: 'wS2p',
          noop: 'P',
          failingUntil: '2026-11-24T12:00:00Z',
          oneImagePerJob: true,
          retryDeadline: '2026-11-24T12:00:00Z',
          copiesNoop: true,
        },
      },
      desired: { b: [0] },
      placements: [
        {
          images: ['nginx:9'],
          nodeSelector: { a: 'b' },
          nodeMatchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }],
          sinceGeneration: 1,
        },
      ],
      round: {
        number: 1,
        operation: 'Create',
        generation: 1,
        trigger: 'Spec',
        startTime: time,
        requestedBy: { annotation: 'kubefledged.io/refresh-imagecache', value: '' },
      },
      lastRefreshTime: time,
      nextRefreshTime: time,
      lastHandledRefreshAt: 'any',
      lastHandledPurgeAt: 'any',
    };
    const { stderr, code } = await patchStatus('status', status);
    expect([stderr, code]).toEqual(['', 0]);
    expect(JSON.parse(await ask('get', 'ic', 'status', '-o', 'jsonpath={.status}'))).toEqual(status);
  });

  it('is shown in the printer columns', async () => {
    const row = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/));
    const status = { message: 'Image pull failed', lastRefreshTime: new Date().toISOString() };
    await patchStatus('status', status);
    const [header = [], narrow = []] = row(await ask('get', 'ic', 'status'));
    expect(header).toEqual(['NAME', 'STATUS', 'NODES', 'FAILING', 'FAILED', 'SKIPPED', 'REASON', 'SUSPEND', 'AGE']);
    expect(narrow.slice(0, 7)).toEqual(['status', 'Failed', '1/2', '0', '1', '0', 'ImageCacheCreate']);
    const [wideHeader = [], wide = []] = row(await ask('get', 'ic', 'status', '-o', 'wide'));
    expect(wideHeader).toEqual([...header, 'MESSAGE', 'REFRESHED']);
    expect(wide[8]).toBe('Image pull failed');
    expect(wide[9]).toMatch(/^\d+s$/);
  });

  it('works with kubectl wait', async () => {
    const conditions = [{ type: 'Ready', status: 'True', reason: 'AllImagesPresent' }];
    await patchStatus('status', { conditions });
    expect(await ask('wait', '--for=condition=Ready', 'ic/status', '--timeout=10s')).toContain('condition met');
  });
});

/** An object as kube-fledged's generated Go client writes it: with what its types know, and empty fields that have no omitempty. */
const ofGoClient = (name: string, images: readonly string[], { status, ...metadata }: Stored = {}) => ({
  ...imageCache(name, { cacheSpec: [{ images }] }),
  metadata: { creationTimestamp: null, ...metadata, name, namespace },
  status: { status: '', reason: '', message: '', startTime: null, ...status },
});

type Stored = { readonly resourceVersion?: string; readonly status?: object };

describe("kube-fledged's generated Go client", () => {
  const path = `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches`;
  const send = (verb: 'create' | 'replace', to: string, object: object) =>
    lab.kubectlWith(JSON.stringify(object), verb, '--raw', to, '-f', '-');

  it('creates and updates a cache, and leaves what it does not know of the status', async () => {
    expect(await send('create', path, ofGoClient('go', ['nginx:1']))).toMatchObject({ code: 0, stderr: '' });
    const failures = { 'nginx:1': [{ node: 'n', reason: 'ErrImagePull', message: 'x' }] };
    const known = {
      status: 'Failed',
      reason: 'ImageCacheCreate',
      message: 'm',
      startTime: '2026-11-24T12:00:00Z',
      failures,
    };
    const nodes = { n: { id: 'a', desiredHash: 'w', attempt: 1, state: 'Failed', images: 'fp' } };
    await patchStatus('go', { ...known, observedGeneration: 1, nodesReady: '0/1', nodes });
    const resourceVersion = await ask('get', 'ic', 'go', '-o', 'jsonpath={.metadata.resourceVersion}');
    const edited = ofGoClient('go', ['nginx:1', 'redis:7'], { resourceVersion, status: known });
    expect(await send('replace', `${path}/go`, edited)).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(await ask('get', 'ic', 'go', '-o', 'json'))).toMatchObject({
      metadata: { generation: 2 },
      spec: { cacheSpec: [{ images: ['nginx:1', 'redis:7'] }] },
      status: { ...known, nodesReady: '0/1', nodes },
    });
  });
});

describe('the folder crds', () => {
  it.each(['apply -f', 'apply -k', 'delete -f', 'delete -k'])('works with kubectl %s', async (command) => {
    const { stdout, stderr, code } = await lab.kubectl(...command.split(' '), dirname(crdPath), '--dry-run=server');
    // The CRD was installed with server-side apply: kubectl then warns that it adds its annotation.
    expect([code, stderr.replace(/^Warning: resource .*last-applied-configuration.*\n/, '')]).toEqual([0, '']);
    expect(stdout).toMatch(/^customresourcedefinition.apiextensions.k8s.io.*imagecaches.kubefledged.io.*\n$/);
  });
});

describe('kubectl explain', () => {
  it.each([
    ['imagecache', 'ImageCache is a set of container images and the nodes'],
    ['ic.spec', 'spec is the desired state of the cache'],
    ['ic.spec.cacheSpec', 'cacheSpec is the list of image lists'],
    ['ic.spec.cacheSpec.images', 'images is the list of image references'],
    ['ic.spec.deletionPolicy', 'Purge: they are removed from the nodes before the cache is deleted'],
    ['ic.status', 'status is the most recently observed status of the cache'],
    ['ic.status.nodes', 'nodes is the ledger of the cache'],
  ])('describes %s', async (field, text) => {
    expect((await ask('explain', field)).replaceAll(/\s+/g, ' ')).toContain(text);
  });
});

describe('server-side apply', () => {
  const of = (spec: object) => ({
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name: 'applied', namespace },
    spec,
  });

  it('lets several field managers own different fields', async () => {
    const lists = { cacheSpec: [{ images: ['a:1', 'b:1'] }] };
    expect(await apply(of(lists), '--server-side', '--field-manager=one')).toMatchObject({ code: 0 });
    const secret = { ...lists, imagePullSecrets: [{ name: 'two' }] };
    expect(await apply(of(secret), '--server-side', '--field-manager=two')).toMatchObject({ code: 0 });
    const third = { ...lists, podMetadata: { labels: { team: 'three' } } };
    expect(await apply(of(third), '--server-side', '--field-manager=three')).toMatchObject({ code: 0 });
    const path = 'jsonpath={.spec.imagePullSecrets[*].name} {.spec.podMetadata.labels.team}';
    expect(await ask('get', 'ic', 'applied', '-o', path)).toBe('two three');
  });

  it('reports a conflict if another field manager changes the lists', async () => {
    const { stderr, code } = await apply(
      of({ cacheSpec: [{ images: ['c:1'] }] }),
      '--server-side',
      '--field-manager=four',
    );
    expect(stderr).toContain('.spec.cacheSpec');
    expect(stderr).toContain('conflict');
    expect(code).toBe(1);
  });
});

describe('large caches', () => {
  const images = (count: number, length: number) =>
    Array.from({ length: count }, (_, index) => `registry.example.com/${index}-`.padEnd(length, 'a'));
  const large: readonly [string, object][] = [
    ['64 lists of 256 images', { cacheSpec: Array.from({ length: 64 }, () => ({ images: images(256, 60) })) }],
    ['1,000 lists of 16 images', { cacheSpec: Array.from({ length: 1000 }, () => ({ images: images(16, 60) })) }],
    ['ten lists of 1,000 images', { cacheSpec: Array.from({ length: 10 }, () => ({ images: images(1000, 60) })) }],
    [
      '2,000 references of the greatest length',
      {
        cacheSpec: [0, 1000].map((from) => ({
          images: images(2000, 400)
            .slice(from, from + 1000)
            .map((image) => `${image}/${'b'.repeat(119)}`),
        })),
      },
    ],
  ];

  it.each(large)(`of %s are created${isSharedMachine ? '' : ' in less than a second'}`, async (_, spec) => {
    const folder = await mkdtemp(join(tmpdir(), 'crds-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'cache.json');
    const path = `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches`;
    const seconds: number[] = [];
    // The first is often slower.
    for (const name of isSharedMachine ? ['large'] : ['large-1', 'large-2', 'large-3', 'large-4', 'large-5']) {
      if (seconds.some((each) => each < 1)) break;
      await writeFile(file, JSON.stringify(imageCache(name, spec)));
      const start = performance.now();
      const { stderr, code } = await kubectl('create', '--raw', path, '-f', file);
      seconds.push((performance.now() - start) / 1000);
      expect([stderr, code]).toEqual(['', 0]);
      await ask('delete', 'ic', name);
    }
    if (!isSharedMachine) expect(Math.min(...seconds)).toBeLessThan(1);
  });
});
