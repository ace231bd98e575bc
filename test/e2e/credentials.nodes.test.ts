import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';
import { started, type Consumer, type Order, type Start } from './consumers.ts';
import { accountAnnotation, startCredentialProvider } from './credential-provider.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { preparedLab, statusOnce } from './prepared-lab.ts';
import { productImage } from './product-image.ts';
import { isPulling, loseRecords, pullRecords } from './pull-records.ts';
import type { Received } from './registry-front.ts';
import { restartKubelet } from './restart-kubelet.ts';
import { privateRegistry, publicRegistry, startRegistryFront, type RegistryFront } from './start-registry-front.ts';

const [a, b, c, d] = ['credentials-a', 'credentials-b', 'credentials-c', 'credentials-d'] as const;

const publicImage = (name: string): string => `${publicRegistry}/${name}:1`;
const privateImage = (name: string): string => `${privateRegistry}/${name}:1`;

/** A cache of this test. */
type Cached = {
  readonly namespace: string;
  readonly name: string;
  readonly images: readonly string[];
  readonly spec?: object;
  /** The secret with the credentials of its pulls, as `namespace/name`, and the account that they are of. */
  readonly secret?: string;
  readonly account?: string;
  /** The only node that it selects. */
  readonly node?: string;
};

const withSecret = (name: string, images: readonly string[]): Cached => ({
  ...{ namespace: a, name, images, spec: { imagePullSecrets: [{ name: 'alice' }] } },
  ...{ secret: `${a}/alice`, account: 'alice' },
});
const caches: readonly Cached[] = [
  withSecret('with-secret', [publicImage('app'), privateImage('private-app'), privateImage('shared')]),
  {
    ...{
      namespace: b,
      name: 'tenant',
      images: [privateImage('shared')],
      spec: { imagePullSecrets: [{ name: 'bob' }] },
    },
    ...{ secret: `${b}/bob`, account: 'bob' },
  },
  {
    ...{ namespace: b, name: 'by-default', images: [privateImage('by-default')] },
    ...{ secret: `${b}/bob`, account: 'bob' }, // of the default service account
  },
  {
    ...{ namespace: c, name: 'by-account', images: [publicImage('twice'), privateImage('twice')] }, // one digest
    ...{ spec: { serviceAccountName: 'puller' }, secret: `${c}/of-puller`, account: 'alice' },
  },
  {
    ...{ namespace: d, name: 'enforced', images: [publicImage('enforced')] }, // Pods here may name the account's secrets only
    ...{ secret: `${d}/alice`, account: 'alice' },
  },
];
const images = [...new Set(caches.flatMap((cache) => cache.images))];
const killed = withSecret('killed', [privateImage('killed')]);
const foundThere: Cached = { namespace: c, name: 'found-there', images: [publicImage('found-there')], node: 'node2' };
const twin: Cached = { ...withSecret('twin', [privateImage('twin'), privateImage('found-there')]), node: 'node2' };
const plain: Cached = {
  namespace: c,
  name: 'plain',
  images: [publicImage('plain'), publicImage('twin')],
  node: 'node2',
};

const preloaded = withSecret('preloaded', [privateImage('preloaded')]);
const policed = withSecret('policed', [publicImage('policed'), privateImage('policed')]);
const byToken: Cached = {
  ...{ namespace: c, name: 'by-token', images: [privateImage('by-token')], node: 'node2' },
  ...{ spec: { serviceAccountName: 'with-token' }, account: 'with-token' },
};
const behindPrivateNoop = { ...withSecret('behind-noop', [publicImage('bare'), privateImage('bare')]), node: 'node2' };

const sameSecret: Consumer = { who: 'the same secret', namespace: a, secret: 'alice', account: 'alice' };
const copy: Consumer = { who: 'a copy of the secret', namespace: b, secret: 'copy', account: 'alice' };
const others: Consumer = { who: 'other credentials', namespace: b, secret: 'bob', account: 'bob' };
const none: Consumer = { who: 'no credentials', namespace: c };
const puller: Consumer = { who: 'a service account', namespace: c, serviceAccount: 'puller', account: 'alice' };
const tokenHolder: Consumer = {
  ...{ who: 'a service account with tokens', namespace: c, serviceAccount: 'with-token', account: 'with-token' },
};

const flags = ['--image-cache-refresh-frequency=0s', '--workload-kinds=Deployment'];

let lab: Lab;
let product: OnNodes;
let front: RegistryFront;
let noop: string;
beforeAll(async () => {
  lab = await preparedLab(a, b, c, d);
  front = await startRegistryFront(lab);
  const names = [
    'app',
    'private-app',
    'shared',
    'by-default',
    'twice',
    'killed',
    'twin',
    'found-there',
    'policed',
    'unrecorded',
    'by-token',
    'plain',
    'enforced',
    'bare',
    'preloaded',
  ];
  await Promise.all(names.map((name) => lab.pushImage({ name: `${name}:1`, bytes: 1000 })));
  await secret(a, 'alice', 'alice:a');
  await secret(b, 'copy', 'alice:a');
  await secret(b, 'bob', 'bob:b');
  await secret(c, 'of-puller', 'alice:a');
  await secret(d, 'alice', 'alice:a');
  await serviceAccount(b, 'default', 'bob');
  await serviceAccount(c, 'puller', 'of-puller');
  await serviceAccount(d, 'default', 'alice', { 'kubernetes.io/enforce-mountable-secrets': 'true' });
  await startSecretReaders();
  noop = (await productImage(lab, 'noop')).replace(/^[^/]+/, publicRegistry);
  product = await startOnNodes(lab, flags, { NOOP_IMAGE: noop });
});
afterAll(async () => {
  console.table(table, columns);
  await product.stop();
  front.stop();
});

const secretReaders = [
  { namespace: a, secrets: ['alice'] },
  { namespace: b, secrets: ['copy', 'bob'] },
  { namespace: c, secrets: ['of-puller'] },
  { namespace: d, secrets: ['alice'] },
];

/**
 * Pods by which both kubelets have the secrets before the first pull. A kubelet waits one second for the secret of
 * a new Pod, and pulls without it if the API server does not know yet that the Pod is on that node.
 */
async function startSecretReaders(): Promise<void> {
  const items = secretReaders.flatMap(({ namespace, secrets }) =>
    [1, 2].map((node) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `secrets-${node}`, namespace, labels: { reads: 'secrets' } },
      spec: {
        nodeName: `node${node}`,
        terminationGracePeriodSeconds: 0,
        imagePullSecrets: secrets.map((name) => ({ name })),
        containers: [{ name: 'app', image: 'registry.local:5000/pause:1' }],
      },
    })),
  );
  await lab.apply({ apiVersion: 'v1', kind: 'List', items });
  for (const { namespace } of secretReaders)
    await lab.ask('wait', '--for=condition=Ready', 'pod', '-l', 'reads=secrets', '-n', namespace, '--timeout=60s');
}

async function stopSecretReaders(): Promise<void> {
  for (const { namespace } of secretReaders) await lab.ask('delete', 'pod', '-l', 'reads=secrets', '-n', namespace);
}

/** A secret for both registries. */
async function secret(namespace: string, name: string, credentials: string): Promise<void> {
  const entry = { auth: Buffer.from(credentials).toString('base64') };
  const auths = { [publicRegistry]: entry, [privateRegistry]: entry };
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': JSON.stringify({ auths }) },
  });
}

const serviceAccount = (namespace: string, name: string, pullSecret: string, annotations = {}): Promise<void> =>
  lab.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace, name, annotations },
    imagePullSecrets: [{ name: pullSecret }],
  });

const Cache = z.object({
  status: z.optional(
    z.object({
      status: z._default(z.string(), ''),
      nodesReady: z._default(z.string(), ''),
      round: z.optional(z.object({ number: z.number() })),
      images: z._default(
        z.array(
          z.object({
            image: z.string(),
            access: z._default(z.string(), ''),
            anonymousPull: z._default(z.string(), ''),
          }),
        ),
        [],
      ),
    }),
  ),
});
type Status = NonNullable<z.infer<typeof Cache>['status']>;

const manifest = ({ namespace, name, node, spec, ...cached }: Cached) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { namespace, name },
  spec: {
    cacheSpec: [
      { images: cached.images, ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }) },
    ],
    ...spec,
  },
});

const succeeded = ({ namespace, name, node }: Cached, round = 1): Promise<Status> => {
  const nodesReady = node === undefined ? '2/2' : '1/1';
  return statusOnce(
    lab,
    { namespace, name },
    {
      what: `round ${round} of ${name} has succeeded`,
      holds: (status) =>
        status.round?.number === round && status.status === 'Succeeded' && status.nodesReady === nodesReady,
      parse: (cache: unknown): Status | undefined => Cache.parse(cache).status,
      seconds: 60,
    },
  );
};

const pulled = async (cache: Cached): Promise<void> => {
  await lab.apply(manifest(cache));
  await succeeded(cache);
};

/** Requests a refresh, and waits until that round has succeeded. With the value verify, nodes ask registries again. */
async function refreshed(cache: Cached, round: number, value = ''): Promise<void> {
  const annotation = `kubefledged.io/refresh-imagecache=${value}`;
  await lab.ask('annotate', '--overwrite', 'ic', cache.name, '-n', cache.namespace, annotation);
  await succeeded(cache, round);
}
const verified = (cache: Cached, round: number): Promise<void> => refreshed(cache, round, 'verify');

async function statusOf({ namespace, name }: Cached, image: string) {
  const found = await lab.ask('get', 'ic', name, '-n', namespace, '-o', 'json', '--ignore-not-found');
  const { status } = found === '' ? {} : Cache.parse(JSON.parse(found));
  return status?.images.find((entry) => entry.image === image) ?? { access: '', anonymousPull: '' };
}

const needsCredentials = (access: string): boolean => access === 'PullSecrets' || access === 'ServiceAccount';

type Row = {
  readonly case: string;
  readonly image: string;
  readonly consumer: string;
  readonly access: string;
  readonly status: 'starts' | 'refused' | 'says nothing';
  /** On all its nodes, as a container and as a volume. */
  readonly outcome: string;
  /** What kubelets said of refusals. */
  readonly messages: readonly string[];
};
const table: Row[] = [];
const columns = ['case', 'image', 'consumer', 'access', 'status', 'outcome'];

/** What the statuses of the caches with this image say about a consumer. */
function saidOf(
  reported: readonly { readonly cache: Cached; readonly access: string }[],
  consumer: Consumer,
): Row['status'] {
  if (reported.every(({ access }) => access === '' || access === 'Unknown')) return 'says nothing';
  const starts = reported.some(
    ({ cache, access }) => access === 'Anyone' || (needsCredentials(access) && cache.account === consumer.account),
  );
  return starts ? 'starts' : 'refused';
}

/** Adds starts to the table: what the status had said beside what happened. */
async function tabulated(title: string, starts: readonly Start[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [image, ofImage] of Map.groupBy(starts, (start) => start.image)) {
    const others = [killed, preloaded, foundThere, twin, plain, policed, byToken, behindPrivateNoop];
    const holders = [...caches, ...others].filter((cache) => cache.images.includes(image));
    const asked = holders.map(async (cache) => ({ cache, access: (await statusOf(cache, image)).access }));
    const reported = (await Promise.all(asked)).filter(({ access }) => access !== '');
    for (const [consumer, ofConsumer] of Map.groupBy(ofImage, (start) => start.consumer))
      rows.push({
        case: title,
        image: image.replace(/\.local:\d+/, ''),
        consumer: `${consumer.namespace.slice(-1)}: ${consumer.who}`,
        access: reported.map(({ access }) => access).join(),
        status: saidOf(reported, consumer),
        outcome: [...new Set(ofConsumer.map(({ outcome }) => outcome))].join(),
        messages: ofConsumer.flatMap(({ message, node, as }) =>
          message === '' ? [] : [`node ${node}, ${as}: ${message}`],
        ),
      });
  }
  table.push(...rows);
  return rows;
}

/** Rows where the status was wrong. */
const wrong = (rows: readonly Row[]): readonly Row[] =>
  rows.filter(({ status, outcome }) => status !== 'says nothing' && status !== outcome);

const outcomes = (rows: readonly Row[]): readonly string[] =>
  rows.map(({ image, consumer, outcome }) => `${consumer} ${outcome} ${image}`);

/** What starts with both registries switched off. */
async function offline(title: string, orders: readonly Order[]): Promise<readonly Row[]> {
  await front.off();
  const starts = await started(lab, orders).finally(front.on);
  return tabulated(title, starts);
}

type Counts = Readonly<Record<string, number>>;

/** Requests for manifests and blobs of an image by node 1 and node 2: how many, by method, kind and account. */
function requestsFor(image: string, requests: readonly Received[]): readonly Counts[] {
  const [host = '', repository = ''] = image.replace(/:1$/, '').split('/');
  const ofImage = new RegExp(`^/v2/${repository}/(manifests|blobs)/`);
  return ['172.30.0.11', '172.30.0.12'].map((node) => {
    const counts: Record<string, number> = {};
    for (const { from, method, path, user = 'nobody', port } of requests) {
      const [, kind] = ofImage.exec(path) ?? [];
      if (from !== node || !host.endsWith(`:${port}`) || kind === undefined) continue;
      const request = `${method} ${kind} ${user}`;
      counts[request] = (counts[request] ?? 0) + 1;
    }
    return counts;
  });
}

/** Pulls an image without the kubelet, as into the disk image of a node: no record is kept. */
const preload = async (node: number, image: string, ...more: readonly string[]): Promise<void> => {
  const command = ['ctr', '-n', 'k8s.io', 'images', 'pull', '--local', '--hosts-dir', '/etc/containerd/certs.d'];
  await lab.node(node, ...command, ...more, image);
};

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in 30 s: ${what}`);
    await sleep(100);
  }
};

let firstRequests: readonly Received[];
let firstRecords: readonly ReadonlyMap<string, readonly string[]>[];
let rows: readonly Row[];

describe('after rounds with credentials, and with the registries switched off,', () => {
  beforeAll(async () => {
    await lab.apply({ apiVersion: 'v1', kind: 'List', items: caches.map(manifest) });
    await Promise.all(caches.map((cache) => succeeded(cache)));
    await stopSecretReaders();
    firstRequests = await front.requests();
    firstRecords = [await pullRecords(lab, 1), await pullRecords(lab, 2)];
    const consumers = [sameSecret, copy, others, none, puller];
    rows = await offline(
      'after Succeeded',
      consumers.map((consumer) => ({ consumer, nodes: [1, 2], images: [...images, noop] })),
    );
  });

  it('Pods without credentials start what the registry gives to anyone, and nothing else', () => {
    expect(outcomes(rows.filter(({ consumer }) => consumer === 'c: no credentials'))).toEqual([
      'c: no credentials starts public/app:1',
      'c: no credentials refused private/private-app:1',
      'c: no credentials refused private/shared:1',
      'c: no credentials refused private/by-default:1',
      'c: no credentials starts public/twice:1',
      'c: no credentials refused private/twice:1',
      'c: no credentials refused public/enforced:1', // no Pod without the account's secrets could be created to open it
      expect.stringContaining('c: no credentials starts public/imagecache-noop:'),
    ]);
  });

  it('an image starts for whom the status says, on both nodes, as container and as volume', () => {
    expect(wrong(rows)).toEqual([]);
    expect(rows.filter(({ status }) => status === 'says nothing').map(({ image }) => image)).toEqual(
      Array.from({ length: 5 }, () => expect.stringContaining('noop') as string),
    );
  });

  it.each([
    ['with-secret', publicImage('app'), 'Anyone', 'Allowed'],
    ['with-secret', privateImage('private-app'), 'PullSecrets', 'Denied'],
    ['with-secret', privateImage('shared'), 'PullSecrets', 'Denied'],
    ['tenant', privateImage('shared'), 'PullSecrets', 'Denied'],
    ['by-default', privateImage('by-default'), 'ServiceAccount', 'Denied'],
    ['by-account', publicImage('twice'), 'Anyone', 'Allowed'],
    ['by-account', privateImage('twice'), 'ServiceAccount', 'Denied'],
    ['enforced', publicImage('enforced'), 'ServiceAccount', ''],
  ])('the status of %s says about %s: %s, %s', async (name, image, access, anonymousPull) => {
    const cache = caches.find((candidate) => candidate.name === name) ?? plain;
    expect(await statusOf(cache, image)).toMatchObject({ access, anonymousPull });
  });

  it.each(images)('the record of both kubelets of %s is what the statuses say', async (image) => {
    const holders = caches.filter((cache) => cache.images.includes(image));
    const accesses = await Promise.all(holders.map(async (cache) => (await statusOf(cache, image)).access));
    const expected = accesses.includes('Anyone')
      ? ['Anyone']
      : holders.map((holder, index) => (needsCredentials(accesses[index] ?? '') ? holder.secret : '')).toSorted();
    for (const records of firstRecords) expect(records.get(image.replace(/:1$/, ''))).toEqual(expected);
  });
});

/** The requests of a node that fetches an image with the credentials of an account. */
const fetched = (account: string) => ({
  [`HEAD manifests ${account}`]: 1,
  [`GET manifests ${account}`]: 1,
  [`GET blobs ${account}`]: 2,
});
const opened = { 'HEAD manifests anonymous': 1 };

/** Requests with credentials or a token for anyone, of node 1 and node 2. */
const authorisedFor = (image: string) =>
  requestsFor(image, firstRequests).map((counts) =>
    Object.fromEntries(Object.entries(counts).filter(([request]) => !request.endsWith(' nobody'))),
  );

function sum(one: Counts = {}, other: Counts = {}): Counts {
  const requests = [...Object.keys(one), ...Object.keys(other)];
  return Object.fromEntries(requests.map((request) => [request, (one[request] ?? 0) + (other[request] ?? 0)]));
}

describe('registries are asked, by each node,', () => {
  beforeAll(() => {
    console.table(
      images.flatMap((image) =>
        requestsFor(image, firstRequests).map((counts, index) => ({
          image: image.replace(/\.local:\d+/, ''),
          node: index + 1,
          requests: Object.entries(counts)
            .map(([request, count]) => `${count} ${request}`)
            .join(', '),
        })),
      ),
    );
  });

  it('once for a pull with credentials, and by one HEAD without them for what anyone may have', () => {
    const expected = { ...fetched('alice'), ...opened };
    expect(authorisedFor(publicImage('app'))).toEqual([expected, expected]);
  });

  it('once for a pull of a private image, and at most once for whether anyone may have it', () => {
    expect(authorisedFor(privateImage('private-app'))).toEqual([fetched('alice'), fetched('alice')]);
    expect(authorisedFor(privateImage('by-default'))).toEqual([fetched('bob'), fetched('bob')]);
    for (const image of ['private-app', 'by-default'])
      for (const counts of requestsFor(privateImage(image), firstRequests))
        expect(counts['HEAD manifests nobody']).toBeLessThanOrEqual(2); // one precedes that with credentials
  });

  it('by one HEAD for an image that another namespace has pulled with its own credentials', () => {
    const heads = { 'HEAD manifests alice': 1, 'HEAD manifests bob': 1 };
    for (const counts of authorisedFor(privateImage('shared')))
      expect([
        { ...fetched('alice'), ...heads },
        { ...fetched('bob'), ...heads },
      ]).toContainEqual(counts);
  });

  it('by one HEAD for a second name of a digest', () => {
    const [ofPublic, ofPrivate] = [authorisedFor(publicImage('twice')), authorisedFor(privateImage('twice'))];
    for (const node of [0, 1])
      expect(sum(ofPublic[node], ofPrivate[node])).toEqual({
        ...fetched('alice'),
        ...opened,
        'HEAD manifests alice': 2,
      });
  });
});

describe('a refresh without news', () => {
  it('asks no registry, and leaves the access as it is', async () => {
    const cache = caches[0] ?? plain;
    await front.requests();
    await refreshed(cache, 2);
    expect(await front.requests()).toEqual([]);
    expect((await statusOf(cache, privateImage('private-app'))).access).toBe('PullSecrets');
  });
});

describe('the private image of a Deployment', () => {
  const image = privateImage('found');
  const labels = { app: 'web' };
  const cache = { namespace: a, name: 'found', images: [image] };
  const kubectl = (...args: readonly string[]): Promise<string> => lab.ask(...args, '-n', a);

  it('is found with its secret by a cache that names neither, and starts its Pods without a pull and without the registry', async () => {
    await lab.pushImage({ name: 'found:1', program: 'pause', bytes: 1000 });
    const spec = {
      imagePullSecrets: [{ name: 'alice' }],
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'app', image }],
    };
    await lab.apply({
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace: a, name: 'web' } },
      spec: { replicas: 0, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    });
    const imagesFrom = { kinds: ['Deployment'], nodes: 'AsPods' };
    await lab.apply({ ...manifest(cache), spec: { cacheSpec: [{ imagesFrom }] } });
    await succeeded(cache);
    await front.off();
    try {
      await kubectl('scale', 'deployment/web', '--replicas=2');
      await kubectl('rollout', 'status', 'deployment/web', '--timeout=30s');
    } finally {
      await front.on();
    }
    const events = await kubectl(
      'get',
      'events',
      '-o',
      'jsonpath={range .items[*]}{.involvedObject.name} {.reason}\n{end}',
    );
    const ofPods = events.split('\n').filter((line) => /^web-\w+-\w+ Pull/.test(line));
    expect(ofPods.map((line) => line.split(' ')[1])).toEqual(['Pulled', 'Pulled']);
    await kubectl('delete', 'deployment/web', 'ic/found');
  });
});

describe('a kubelet that is killed', () => {
  it('during a pull pulls again, or asks again for what the runtime had pulled meanwhile, and records the credentials', async () => {
    const [image = ''] = killed.images;
    await front.hold('killed');
    await lab.apply(manifest(killed));
    for (const node of [1, 2]) await until('the kubelet pulls', () => isPulling(lab, node, image));
    await lab.node(1, 'pkill', '-9', '-x', 'kubelet');
    await lab.node(2, 'pkill', '-STOP', '-x', 'kubelet');
    await front.release();
    await until('the runtime has the image', async () => (await lab.images(2)).includes(image));
    await lab.node(2, 'pkill', '-9', '-x', 'kubelet');
    await succeeded(killed);
    const expected = { consumer: none, nodes: [1, 2], images: [image] };
    const found = await offline('kubelet killed in mid-pull', [expected, { ...expected, consumer: sameSecret }]);
    expect(outcomes(found)).toEqual([
      'c: no credentials refused private/killed:1',
      'a: the same secret starts private/killed:1',
    ]);
    expect(wrong(found)).toEqual([]);
  });
});

describe('an image that was on the node before, by other means,', () => {
  const order = { consumer: none, nodes: [2], images: [publicImage('twin'), publicImage('found-there')] };

  it('starts for anyone, until its digest is pulled with credentials under another name, whatever a cache says that found it there', async () => {
    await preload(2, publicImage('twin'));
    await preload(2, publicImage('found-there'));
    await pulled(foundThere);
    expect(outcomes(await offline('preloaded', [order]))).toEqual([
      'c: no credentials starts public/twin:1',
      'c: no credentials starts public/found-there:1',
    ]);
    await pulled(twin);
    const found = await offline('their digests pulled as private/…', [order]);
    expect(outcomes(found)).toEqual([
      'c: no credentials refused public/twin:1',
      'c: no credentials refused public/found-there:1',
    ]);
    expect(found.map(({ access }) => access)).toEqual(['', 'Anyone']);
  });

  it('does not make a private one look public to its cache', async () => {
    await preload(1, privateImage('preloaded'), '--user', 'alice:a');
    await pulled(preloaded);
    const orders = [1, 2].map((node) => ({
      ...{ nodes: [node], images: preloaded.images },
      consumer: { ...none, who: `no credentials, node ${node}` },
    }));
    const found = await offline('preloaded on node 1, cached with a secret', orders);
    expect(outcomes(found)).toEqual([
      'c: no credentials, node 1 starts private/preloaded:1',
      'c: no credentials, node 2 refused private/preloaded:1',
    ]);
    expect(found.map(({ status }) => status)).toEqual(['refused', 'refused']); // the status names who can on all nodes
    expect(await statusOf(preloaded, privateImage('preloaded'))).toMatchObject({ anonymousPull: 'Denied' });
  });

  it('starts again after the first round of a cache that names it, or a refresh that verifies', async () => {
    await front.requests();
    await pulled(plain);
    const requests = await front.requests();
    await verified(foundThere, 2);
    const both = { ...order, images: [...plain.images, ...foundThere.images] };
    const found = await offline('a cache names public/twin, another verifies', [both]);
    expect(outcomes(found)).toEqual([
      'c: no credentials starts public/plain:1',
      'c: no credentials starts public/twin:1',
      'c: no credentials starts public/found-there:1',
    ]);
    expect(wrong(found)).toEqual([]);
    expect(requestsFor(publicImage('twin'), requests)[1]).toEqual({
      'HEAD manifests nobody': 1,
      'HEAD manifests anonymous': 1,
    });
    expect(requestsFor(publicImage('plain'), requests)[1]).toMatchObject(fetched('anonymous'));
  });
});

describe('under each policy of kubelets', () => {
  const unrecorded = privateImage('unrecorded');
  const listed = `imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages
preloadedImagesVerificationAllowlist: [${privateImage('policed').replace(/:1$/, '')}]`;
  const policy = (name: string): string => `imagePullCredentialsVerificationPolicy: ${name}`;

  /** By policy: what starts for Pods without credentials, then for those with the secret. */
  const expected = {
    NeverVerify: [
      ['starts', 'starts', 'starts'],
      ['starts', 'starts', 'starts'],
    ],
    AlwaysVerify: [
      ['starts', 'refused', 'refused'],
      ['starts', 'starts', 'refused'],
    ],
    NeverVerifyPreloadedImages: [
      ['starts', 'refused', 'starts'],
      ['starts', 'starts', 'starts'],
    ],
    NeverVerifyAllowlistedImages: [
      ['starts', 'starts', 'refused'],
      ['starts', 'starts', 'refused'],
    ],
  };

  beforeAll(async () => {
    await pulled(policed);
    for (const node of [1, 2]) await preload(node, unrecorded, '--user', 'alice:a');
  });
  afterAll(async () => {
    for (const node of [1, 2]) await restartKubelet(lab, node);
  });

  it.each([
    ['NeverVerify', 'AlwaysVerify'],
    ['NeverVerifyPreloadedImages', 'NeverVerifyAllowlistedImages'],
  ] as const)('those start an image whom the status names: %s, %s', async (...policies) => {
    for (const [index, name] of policies.entries())
      await restartKubelet(lab, index + 1, {
        settings: [name === 'NeverVerifyAllowlistedImages' ? listed : policy(name)],
      });
    const found = await offline(
      'policies',
      policies.flatMap((name, index) =>
        [none, sameSecret].map((consumer) => ({
          ...{ consumer: { ...consumer, who: `${name}, ${consumer.who}` }, nodes: [index + 1] },
          images: [...policed.images, unrecorded],
        })),
      ),
    );
    const outcomesOf = (name: string, consumer: Consumer): readonly string[] =>
      policedImages.map(
        (image) =>
          found.find((row) => row.image === image && row.consumer.endsWith(`: ${name}, ${consumer.who}`))?.outcome ??
          '',
      );
    for (const name of policies)
      expect([name, [none, sameSecret].map((consumer) => outcomesOf(name, consumer))]).toEqual([name, expected[name]]);
  });
  const policedImages = ['public/policed:1', 'private/policed:1', 'private/unrecorded:1'];
});

describe('a service account to which a credential provider gives credentials for its token', () => {
  it('starts what a cache with it has pulled, and nobody else does', async () => {
    const [image = ''] = byToken.images;
    const repository = image.replace(/:1$/, '');
    await startCredentialProvider(lab, 2, { repository, username: 'alice', password: 'a' });
    await lab.apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace: c, name: 'with-token', annotations: { [accountAnnotation]: 'alice' } },
    });
    await pulled(byToken);
    expect(await statusOf(byToken, image)).toMatchObject({ access: 'ServiceAccount', anonymousPull: 'Denied' });
    expect((await pullRecords(lab, 2)).get(repository)).toEqual([`${c}/with-token`]);
    const order = { nodes: [2], images: [image] };
    const found = await offline('pulled with a token', [
      { ...order, consumer: tokenHolder },
      { ...order, consumer: none },
      { ...order, consumer: sameSecret },
    ]);
    expect(outcomes(found)).toEqual([
      'c: a service account with tokens starts private/by-token:1',
      'c: no credentials refused private/by-token:1',
      'a: the same secret refused private/by-token:1',
    ]);
    expect(wrong(found)).toEqual([]);
  });
});

describe('a cache with a secret, where the image of the no-op is private too,', () => {
  it('starts for whom the status says', async () => {
    await product.stop();
    product = await startOnNodes(lab, flags, { NOOP_IMAGE: noop.replace(publicRegistry, privateRegistry) });
    await pulled(behindPrivateNoop);
    const order = { nodes: [2], images: behindPrivateNoop.images };
    const found = await offline('the no-op is private', [
      { ...order, consumer: sameSecret },
      { ...order, consumer: none },
    ]);
    expect(wrong(found)).toEqual([]);
    expect(outcomes(found)).toEqual([
      'a: the same secret starts public/bare:1',
      'c: no credentials starts public/bare:1',
      'a: the same secret starts private/bare:1',
      'c: no credentials refused private/bare:1',
    ]);
  });
});

describe('a node that loses its records', () => {
  it('starts private images for anyone, whatever the status says', async () => {
    await loseRecords(lab, 1);
    const order = { consumer: none, nodes: [1], images: [privateImage('private-app'), privateImage('shared')] };
    const found = await offline('records lost', [order]);
    expect(outcomes(found)).toEqual([
      'c: no credentials starts private/private-app:1',
      'c: no credentials starts private/shared:1',
    ]);
  });
});

describe('a secret', () => {
  const order = { consumer: sameSecret, nodes: [2], images: [privateImage('private-app')] };
  const starts = 'a: the same secret starts private/private-app:1';
  const refused = 'a: the same secret refused private/private-app:1';
  const ofBob = { ...order, consumer: { ...sameSecret, account: 'bob' } };
  const made = async (credentials: string): Promise<void> => {
    await lab.ask('delete', 'secret', 'alice', '-n', a);
    await secret(a, 'alice', credentials);
  };

  it('that is deleted and made again with the same content starts the image', async () => {
    await made('alice:a');
    expect(outcomes(await offline('secret made again', [order]))).toEqual([starts]);
  });

  it('that is made again with other content does not, until the registry has accepted it', async () => {
    await made('bob:b');
    // While an earlier Pod with the secret ends, the kubelet has the former one for a moment.
    await expect
      .poll(async () => outcomes(await offline('made again with other content', [ofBob])), { timeout: 60_000 })
      .toEqual([refused]);
    await front.requests();
    expect(outcomes(await tabulated('the same, registries on', await started(lab, [ofBob])))).toEqual([starts]);
    expect(requestsFor(privateImage('private-app'), await front.requests())[1]).toEqual({
      'HEAD manifests nobody': 1,
      'HEAD manifests bob': 1,
    });
  });

  it('that is made again with other content does after a refresh that verifies, on each node', async () => {
    await verified(caches[0] ?? plain, 3);
    const onBoth = { ...ofBob, nodes: [1, 2] };
    expect(outcomes(await offline('made again, then verified', [onBoth]))).toEqual([starts]);
  });

  it('that is changed in place starts it even with a wrong password', async () => {
    await secret(a, 'alice', 'alice:wrong');
    expect(outcomes(await offline('changed in place', [order]))).toEqual([starts]);
  });
});
