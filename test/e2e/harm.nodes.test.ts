import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { preparedLab, removeOtherImages, statusOnce } from './prepared-lab.ts';
import { productImage } from './product-image.ts';
import { privateRegistry, publicRegistry, startRegistryFront, type RegistryFront } from './start-registry-front.ts';

/*
 * What the author of caches in one namespace, who has no other right, cannot do to the images and Pods of others on real nodes.
 */

const tenant = 'harm-tenant';
const neighbour = 'harm-neighbour';
const platform = 'harm-platform';
const install = 'harm-install';
/** The public registry by a name of its own: it has delivered nothing to any node. */
const dripping = 'drip.local:5010';

let lab: Lab;
let front: RegistryFront;
let product: OnNodes | undefined;
let removalImage: string;

beforeAll(async () => {
  lab = await preparedLab(tenant, neighbour, platform, install);
  await removeOtherImages(lab);
  front = await startRegistryFront(lab);
  const hosts = `/etc/containerd/certs.d/${dripping}`;
  for (const node of [1, 2])
    await lab.node(
      node,
      'bash',
      '-c',
      `mkdir -p '${hosts}' && echo 'server = "http://172.30.0.1:5010"' > '${hosts}/hosts.toml'`,
    );
  removalImage = await productImage(lab, 'functions');
});
afterEach(async () => {
  for (const namespace of [tenant, neighbour]) await lab.ask('delete', 'ic', '--all', '-n', namespace, '--wait=false');
  await product?.stop();
  product = undefined;
});
afterAll(() => {
  front.stop();
});

const started = async (flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> => {
  const defaults = { REMOVAL_IMAGE: removalImage, KUBEFLEDGED_NAMESPACE: install };
  product = await startOnNodes(lab, ['--image-cache-refresh-frequency=0s', ...flags], { ...defaults, ...env });
};

const Cache = z.object({
  status: z.optional(
    z.object({
      status: z._default(z.string(), ''),
      message: z._default(z.string(), ''),
      nodesReady: z._default(z.string(), ''),
      failures: z._default(z.record(z.string(), z.array(z.object({ node: z.string(), reason: z.string() }))), {}),
      nodes: z._default(z.record(z.string(), z.object({ state: z._default(z.string(), 'Ready') })), {}),
      round: z.optional(z.object({ number: z.number() })),
    }),
  ),
});
type Status = NonNullable<z.infer<typeof Cache>['status']>;

const statusWhen = (
  namespace: string,
  name: string,
  what: string,
  holds: (status: Status) => boolean,
): Promise<Status> => {
  const parse = (cache: unknown): Status | undefined => Cache.parse(cache).status;
  return statusOnce(lab, { namespace, name }, { what: `${name} ${what}`, holds, parse, seconds: 90 });
};

const cached = (namespace: string, name: string, images: readonly string[], spec: object = {}): Promise<void> =>
  lab.apply({
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name, namespace },
    spec: { cacheSpec: [{ images }], ...spec },
  });

const ended = ({ status }: Status): boolean => status !== '' && status !== 'Processing';

const purged = async (namespace: string, name: string): Promise<Status> => {
  await lab.ask('annotate', 'ic', name, '-n', namespace, 'kubefledged.io/purge-imagecache=');
  return statusWhen(namespace, name, 'is purged', (status) => status.round?.number === 2 && ended(status));
};

const onNode1 = { nodeSelector: { 'kubernetes.io/hostname': 'node1' } };
const onlyNode1 = (images: readonly string[]): object => ({ cacheSpec: [{ images, ...onNode1 }] });

const Pods = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), labels: z._default(z.record(z.string(), z.string()), {}) }),
      spec: z.object({ nodeName: z.optional(z.string()) }),
      status: z.object({ phase: z._default(z.string(), '') }),
    }),
  ),
});
const podsIn = async (namespace: string) =>
  Pods.parse(JSON.parse(await lab.ask('get', 'pods', '-n', namespace, '-o', 'json'))).items;

const Nodes = z.object({
  items: z.array(z.object({ status: z.object({ images: z._default(z.array(z.unknown()), []) }) })),
});
/** How many images each node reports. */
const imagesListed = async (): Promise<readonly number[]> =>
  Nodes.parse(JSON.parse(await lab.ask('get', 'nodes', '-o', 'json'))).items.map(({ status }) => status.images.length);

const nodeOf = (address: string): string => `node${address.slice(-1)}`;

describe('a purge by a tenant', () => {
  it('keeps an image that the kubelet denied to it', async () => {
    const image = (await lab.pushImage({ name: 'denied:1', bytes: 1000 })).replace(/^[^/]+/, privateRegistry);
    await secretOfAlice(platform);
    await runOnNode1('denied', image, { imagePullSecrets: [{ name: 'alice' }] });
    await started(['--image-pull-deadline-duration=10s']);
    await cached(tenant, 'denied', [image], onlyNode1([image]));
    const { failures } = await statusWhen(tenant, 'denied', 'has ended', ended);
    expect(Object.keys(failures)).toEqual([image]);
    await purged(tenant, 'denied');
    expect(await lab.images(1)).toContain(image);
  });

  it('keeps an image that has a name which the platform gave it', async () => {
    const own = await lab.pushImage({ name: 'alias:1', bytes: 1000 });
    const loaded = 'platform.internal/alias:1';
    const ctr = (...command: readonly string[]) => lab.node(1, 'ctr', '-n', 'k8s.io', 'images', ...command);
    const byAddress = own.replace('registry.local', '172.30.0.1');
    await ctr('pull', '--plain-http', byAddress);
    await ctr('tag', byAddress, loaded);
    await ctr('rm', '--sync', byAddress);
    await started(['--image-pull-deadline-duration=10s']);
    await cached(tenant, 'alias', [own], onlyNode1([own]));
    await statusWhen(tenant, 'alias', 'has ended', ended);
    await purged(tenant, 'alias');
    expect(await lab.images(1)).toContain(loaded);
  });

  it('keeps the images of the product', async () => {
    const noop = await productImage(lab, 'noop');
    await started([]);
    await cached(tenant, 'noop', [noop, removalImage]);
    await statusWhen(tenant, 'noop', 'is ready', (status) => ended(status) && status.nodesReady === '2/2');
    await purged(tenant, 'noop');
    for (const node of [1, 2]) expect(await lab.images(node)).toEqual(expect.arrayContaining([noop, removalImage]));
  });
});

describe('many caches of one node that are purged together', () => {
  it('have one removal Pod at a time there, and all are purged', async () => {
    const names = ['first', 'second', 'third', 'fourth'].map((name) => `purged-${name}`);
    await started(['--image-pull-deadline-duration=10s']);
    for (const name of names)
      await cached(tenant, name, [], onlyNode1([await lab.pushImage({ name: `${name}:1`, bytes: 1000 })]));
    for (const name of names) await statusWhen(tenant, name, 'is ready', (status) => status.status === 'Succeeded');
    const seen: number[] = [];
    const done = new AbortController();
    const watching = (async () => {
      while (!done.signal.aborted) {
        const pods = (await podsIn(install)).filter(
          ({ metadata }) => metadata.labels['kubefledged.io/removal'] === 'true',
        );
        seen.push(pods.filter(({ status }) => status.phase === 'Pending' || status.phase === 'Running').length);
      }
    })();
    await Promise.all(names.map((name) => purged(tenant, name)));
    done.abort();
    await watching;
    expect(Math.max(...seen)).toBe(1);
  });
});

describe('the program of an image', () => {
  it('is not run, also where the image of the no-op demands credentials', async () => {
    const pushed = await lab.pushImage({ name: 'impostor:1', program: 'impostor', bytes: 10 });
    const image = pushed.replace(/^[^/]+/, publicRegistry);
    await secretOfAlice(tenant);
    const noop = (await productImage(lab, 'noop')).replace(/^[^/]+/, privateRegistry);
    await started(['--job-retention-policy=retain', '--image-pull-deadline-duration=15s'], { NOOP_IMAGE: noop });
    await cached(tenant, 'impostor', [image], { ...onlyNode1([image]), imagePullSecrets: [{ name: 'alice' }] });
    const logs = new Set<string>();
    const read = async (): Promise<void> => {
      for (const { metadata } of await podsIn(tenant)) {
        const words = ['logs', metadata.name, '-n', tenant, '--all-containers', '--ignore-errors'];
        logs.add(`${metadata.name}: ${await lab.ask(...words).catch(() => '')}`);
      }
    };
    const done = new AbortController();
    const reading = (async () => {
      while (!done.signal.aborted) await read();
    })();
    await statusWhen(tenant, 'impostor', 'has ended', ended);
    done.abort();
    await reading;
    expect(logs.size).toBeGreaterThan(0);
    expect([...logs].join('')).not.toContain('hello');
  });
});

describe('a registry that never ends its answers', () => {
  it('stops one node, which is reported as blocked, and a neighbour pulls on the others as fast as ever', async () => {
    await lab.pushImage({ name: 'drip:1', bytes: 5_000_000 });
    await front.hold('drip');
    // Kubelets report images some time after their start: until then nothing is known of any registry.
    await expect.poll(imagesListed, { timeout: 90_000, interval: 1000 }).not.toContain(0);
    try {
      await started(['--image-pull-deadline-duration=10s']);
      await front.requests();
      for (const name of ['drip', 'drip-too', 'drip-again']) await cached(tenant, name, [`${dripping}/drip:1`]);
      // Until the first pull was abandoned, and other nodes could have been next.
      await sleep(35_000);
      const asked = (await front.requests()).filter(({ path }) => path.startsWith('/v2/drip/blobs/'));
      const nodes = [...new Set(asked.map(({ from }) => nodeOf(from)))];
      expect(nodes).toHaveLength(1);
      const others = ['node1', 'node2'].filter((name) => !nodes.includes(name));
      const image = await lab.pushImage({ name: 'beside-drip:1', bytes: 100_000 });
      const began = Date.now();
      await cached(neighbour, 'own', [image]);
      await statusWhen(neighbour, 'own', 'is ready on the other node', (status) =>
        others.every((name) => status.nodes[name]?.state === 'Ready'),
      );
      const seconds = (Date.now() - began) / 1000;
      expect(seconds).toBeLessThan(10);
      const { failures } = await statusWhen(neighbour, 'own', 'has ended', ended);
      expect(failures).toEqual({ [image]: nodes.map((node) => ({ node, reason: 'PullsBlocked' })) });
      const reasons = ['-o', 'jsonpath={.items[*].reason}', '--field-selector=involvedObject.name=own'];
      expect(await lab.ask('get', 'events', '-n', neighbour, ...reasons)).toContain('PullsBlocked');
      console.log(`stopped: ${nodes.join()}; a neighbour was ready on ${others.join()} after ${seconds} s`);
    } finally {
      await front.release();
    }
  });
});

/** Has the platform pull an image on node1, by a Pod that has ended. */
async function runOnNode1(name: string, image: string, credentials: object = {}): Promise<void> {
  const containers = [{ name: 'app', image }];
  const spec = { nodeName: 'node1', restartPolicy: 'Never', automountServiceAccountToken: false, containers };
  const metadata = { name, namespace: platform };
  await lab.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...spec, ...credentials } });
  await lab.ask('wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${name}`, '-n', platform, '--timeout=60s');
  await lab.ask('delete', 'pod', name, '-n', platform);
}

/** A secret of an account of both registries. */
async function secretOfAlice(namespace: string): Promise<void> {
  const entry = { auth: Buffer.from('alice:a').toString('base64') };
  const auths = { [publicRegistry]: entry, [privateRegistry]: entry };
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: 'alice' },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': JSON.stringify({ auths }) },
  });
}
