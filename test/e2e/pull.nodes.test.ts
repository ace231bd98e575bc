import type { ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../cluster/lab.ts';
import { sharedLab } from '../cluster/shared-lab.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { keepsRetainedImages } from './soft-pin.ts';

const root = join(import.meta.dirname, '../..');
const namespace = 'pulls';

let lab: Lab;
let product: OnNodes;
let registry: ChildProcess;
beforeAll(async () => {
  lab = await sharedLab();
  await lab.ask('apply', '--server-side', '-f', join(root, 'crds/imagecache.yaml'));
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
  product = await startOnNodes(lab, ['--image-pull-deadline-duration=20s', '--image-cache-refresh-frequency=0s']);
  registry = await hang();
});
afterAll(async () => {
  registry.kill('SIGKILL');
  await product.stop();
});

type Failure = { readonly node: string; readonly reason: string; readonly message: string };
type Status = {
  readonly status?: string;
  readonly message?: string;
  readonly failures?: Readonly<Record<string, readonly Failure[]>>;
  readonly nodesReady?: string;
  readonly nodes?: Readonly<
    Record<string, { readonly state: string; readonly reason?: string; readonly oneImagePerJob?: boolean }>
  >;
};

const parsed = (json: string): { readonly status?: Status } => JSON.parse(json) as { status?: Status };

const statusOf = async (name: string): Promise<Status> => {
  const cache = parsed(await lab.ask('get', 'imagecache', name, '-n', namespace, '-o', 'json'));
  return cache.status ?? {};
};

const cache = (name: string, images: readonly string[], more: object = {}, hostname?: string) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name, namespace },
  spec: {
    cacheSpec: [
      { images, ...(hostname === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': hostname } }) },
    ],
    ...more,
  },
});

/** Applies a cache and waits for the end of its round, whatever the result. */
const settled = async (manifest: ReturnType<typeof cache>, timeout = '120s'): Promise<Status> => {
  await lab.apply(manifest);
  const name = manifest.metadata.name;
  await lab.ask('wait', '--for=condition=Reconciling=False', `ic/${name}`, '-n', namespace, `--timeout=${timeout}`);
  return statusOf(name);
};

const until = async (what: string, seconds: number, holds: () => Promise<boolean>): Promise<void> => {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in ${seconds} s: ${what}`);
    await sleep(250);
  }
};

/**
 * A registry that accepts connections and never answers. Started before all tests, as it blocks a pull while it is running:
 * the runtime waits without a timeout, and a kubelet with serial pulls blocks all others too.
 */
const hanging = 'hanging.local:5999/hanging:1';
const beside = 'registry.local:5000/beside:1';
const hang = async (): Promise<ChildProcess> => {
  const listen = "require('node:net').createServer(() => {}).listen(5999, '172.30.0.1')";
  const registry = lab.enter('node', ['-e', listen], { stdio: 'ignore' });
  const folder = '/etc/containerd/certs.d/hanging.local:5999';
  const hosts = 'server = "http://172.30.0.1:5999"';
  await lab.node(2, 'bash', '-c', `mkdir -p '${folder}' && echo '${hosts}' > '${folder}/hosts.toml'`);
  await lab.pushImage({ name: 'beside:1', program: 'scratch' });
  await lab.apply(cache('hanging', [hanging, beside], { pullDeadlineSeconds: 300 }, 'node2'));
  return registry;
};

describe('an ImageCache on real nodes', () => {
  it('pulls scratch, program and pause images on the node without starting their programs', async () => {
    const images = [
      await lab.pushImage({ name: 'e2e-scratch:1', program: 'scratch' }),
      await lab.pushImage({ name: 'e2e-hello:1', program: 'hello', bytes: 1_000_000 }),
      await lab.pushImage({ name: 'e2e-pause:1', program: 'pause' }),
    ];
    const status = await settled(cache('plain', images, {}, 'node1'));
    expect(status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1' });
    expect(await lab.images(1)).toEqual(expect.arrayContaining(images));
    expect(
      await lab.ask('get', 'jobs,pods', '-n', namespace, '-l', 'kubefledged.io/node-id', '-o', 'name'),
    ).not.toContain('plain');
  });

  it('reports why a private image cannot be pulled without its secret, and pulls it with the secret', async () => {
    const image = await lab.pushImage({ name: 'e2e-private:1', isPrivate: true });
    const without = await settled(cache('secretless', [image], {}, 'node1'));
    expect(without.status).toBe('Failed');
    expect(without.failures?.[image]?.[0]).toMatchObject({ node: 'node1' });
    expect(without.failures?.[image]?.[0]?.message).toMatch(/authorization failed|no basic auth credentials/);
    expect(await lab.images(1)).not.toContain(image);
    await lab.ask(
      ...['create', 'secret', 'docker-registry', 'regcred', '-n', namespace],
      ...['--docker-server=private.local:5001', '--docker-username=u', '--docker-password=p'],
    );
    const withSecret = await settled(cache('secretful', [image], { imagePullSecrets: [{ name: 'regcred' }] }, 'node1'));
    expect(withSecret.status).toBe('Succeeded');
    expect(await lab.images(1)).toContain(image);
  });

  it('fails early on a missing tag with the message of the kubelet, and pulls the other images', async () => {
    const good = await lab.pushImage({ name: 'e2e-good:1' });
    const started = Date.now();
    const images = [good, 'registry.local:5000/e2e-good:none'];
    const status = await settled(cache('missing', images, { pullDeadlineSeconds: 300 }, 'node1'));
    expect(status.status).toBe('Failed');
    expect(Object.keys(status.failures ?? {})).toEqual(['registry.local:5000/e2e-good:none']);
    expect(status.failures?.['registry.local:5000/e2e-good:none']?.[0]?.message).toContain('not found');
    expect(await lab.images(1)).toContain(good);
    expect(Date.now() - started).toBeLessThan(90_000);
  });

  it('pulls 20 images on a node', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `e2e-many-${index}:1`);
    const images: string[] = [];
    for (const name of names) images.push(await lab.pushImage({ name, program: 'scratch', bytes: 4096 }));
    const status = await settled(cache('many', images, {}, 'node1'), '180s');
    expect(status.status).toBe('Succeeded');
    expect(await lab.images(1)).toEqual(expect.arrayContaining(images));
  });

  it('skips a node that is killed during a pull, and retries when it is back', async () => {
    const large = await lab.pushImage({ name: 'e2e-large:1', bytes: 40_000_000 });
    await slow(1);
    // Longer than a node is NotReady after: what does not answer in time has failed.
    await lab.apply(cache('killed', [large], { pullDeadlineSeconds: 300 }, 'node1'));
    await until('the kubelet has the Pod', 30, async () => {
      const phases = await lab.ask(
        'get',
        'pods',
        '-n',
        namespace,
        '-o',
        'jsonpath={range .items[*]}{.metadata.annotations.kubefledged\\.io/cache}={.status.startTime} {end}',
      );
      return /pulls\/killed=\S/.test(phases);
    });
    await sleep(2000);
    await lab.killNode(1);
    try {
      await until(
        'the dead node is skipped',
        120,
        async () => (await statusOf('killed')).nodes?.['node1']?.reason === 'NotReady',
      );
      expect((await statusOf('killed')).status).toBe('NoImagesPulledOrDeleted');
    } finally {
      await fast(1);
      await lab.startNode(1);
    }
    await until('the image is on the node', 120, async () => (await statusOf('killed')).nodesReady === '1/1');
    expect(await lab.images(1)).toContain(large);
  });

  // Both mostly wait, for some five minutes: a kubelet collects images that rarely, and a runtime waits that long. So they run at once.
  it.concurrent(
    'keeps images whose Jobs are retained in the image garbage collection of the kubelet, and loses those whose Jobs were deleted',
    () => keepsRetainedImages(lab),
  );

  it.concurrent(
    'waits for a hanging registry until the deadline, reports the timeout, and pulls the other images when the registry is stopped',
    async () => {
      const reason = async (image: string) => (await statusOf('hanging')).failures?.[image]?.[0]?.reason;
      await until('the first try is over', 480, async () => (await reason(hanging)) === 'ImagePullStatusUnknown');
      expect((await statusOf('hanging')).nodes?.['node2']).toMatchObject({ state: 'Pulling', oneImagePerJob: true });
      registry.kill('SIGKILL');
      await until('the round has ended', 200, async () => (await statusOf('hanging')).status === 'Failed');
      const { failures } = await statusOf('hanging');
      expect(Object.keys(failures ?? {})).toEqual([hanging]);
      expect(failures?.[hanging]?.[0]?.node).toBe('node2');
      expect(failures?.[hanging]?.[0]?.reason).toMatch(/ErrImagePull|ImagePullBackOff/);
      expect(await lab.images(2)).toContain(beside);
    },
  );
});

const shaped = async (...command: readonly string[]): Promise<void> => {
  await text(lab.enter('tc', ['qdisc', ...command], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout ?? fail());
};
const fail = (): never => {
  throw new Error('tc was started without a pipe');
};
const slow = (node: number): Promise<void> =>
  shaped('add', 'dev', `node${node}`, 'root', 'tbf', 'rate', '40mbit', 'burst', '256kb', 'latency', '50ms');
const fast = (node: number): Promise<void> => shaped('del', 'dev', `node${node}`, 'root');
