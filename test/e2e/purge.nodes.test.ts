import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { preparedLab, removeOtherImages, statusOnce } from './prepared-lab.ts';
import { productImage } from './product-image.ts';

const root = join(import.meta.dirname, '../..');
const namespace = 'purges';
const install = 'purges-install';
const pause = 'registry.local:5000/pause:1';

let lab: Lab;
let product: OnNodes;
beforeAll(async () => {
  lab = await preparedLab(namespace, install);
  await removeOtherImages(lab);
  const env = { REMOVAL_IMAGE: await productImage(lab, 'functions'), KUBEFLEDGED_NAMESPACE: install };
  product = await startOnNodes(lab, ['--image-cache-refresh-frequency=0s'], env);
});
afterAll(async () => {
  await product.stop();
});

const removal = z.object({
  state: z.string(),
  removed: z._default(z.number(), 0),
  spared: z._default(z.number(), 0),
  freedBytes: z._default(z.number(), 0),
  sparedImages: z._default(z.array(z.object({ image: z.string(), reason: z.string() })), []),
});
const Cache = z.object({
  status: z.optional(
    z.object({
      status: z._default(z.string(), ''),
      reason: z._default(z.string(), ''),
      nodesReady: z._default(z.string(), ''),
      removals: z._default(z.record(z.string(), removal), {}),
      round: z.optional(z.object({ number: z.number() })),
    }),
  ),
});
type Status = NonNullable<z.infer<typeof Cache>['status']>;
const parse = (cache: unknown) => Cache.parse(cache).status;

const statusWhen = (name: string, what: string, holds: (status: Status) => boolean): Promise<Status> =>
  statusOnce(lab, { namespace, name }, { what, holds, parse });

const cached = async (name: string, images: readonly string[], more: object = {}): Promise<void> => {
  const metadata = { name, namespace };
  await lab.apply({
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata,
    spec: { cacheSpec: [{ images }], ...more },
  });
  await statusWhen(
    name,
    `${name} is pulled`,
    ({ status, nodesReady }) => status === 'Succeeded' && nodesReady === '2/2',
  );
};

const purged = async (name: string, number: number): Promise<Status> => {
  await lab.ask('annotate', 'ic', name, '-n', namespace, 'kubefledged.io/purge-imagecache=');
  return statusWhen(name, 'it is purged', ({ round, status }) => round?.number === number && status !== 'Processing');
};

const Plan = z.array(
  z.object({
    round: z.optional(z.object({ operation: z.string(), trigger: z.string() })),
    nodes: z.array(
      z.object({
        ...{ name: z.string(), pull: z.array(z.string()), check: z.array(z.string()), remove: z.array(z.string()) },
        freeBytes: z.optional(z.number()),
      }),
    ),
    bytes: z.object({ known: z.number(), removed: z.number(), unknownRemovals: z.number() }),
  }),
);

/** What `kubectl imagecache plan` says of applying a manifest. */
const plan = async (manifest: object): Promise<z.infer<typeof Plan>[number]> => {
  const words = [join(root, 'deploy/plugin/main.ts'), 'plan', '-f', '-', '-o', 'json', '--kubeconfig', lab.kubeconfig];
  const child = lab.enter('node', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdin === null || child.stdout === null) throw new Error('node was started without pipes');
  child.stdin.end(JSON.stringify(manifest));
  const [found] = Plan.parse(JSON.parse(await text(child.stdout)));
  if (found === undefined) throw new Error('there is a forecast for each cache');
  return found;
};

/** Images of the test in the runtimes of both nodes, by name. */
const onBoth = async (prefix: string): Promise<readonly (readonly string[])[]> =>
  Promise.all(
    [1, 2].map(async (node) =>
      (await lab.images(node)).filter((image) => image.includes(`/${prefix}`) && !image.includes('@')).toSorted(),
    ),
  );

const gone = async (name: string): Promise<void> => {
  await lab.ask('delete', 'ic', name, '-n', namespace, '--timeout=120s');
};

describe('a purge on real nodes', () => {
  it('removes unused images, and reports why others are kept: in use, needed by another tag, pinned', async () => {
    const plain = await lab.pushImage({ name: 'purge-plain:1', bytes: 300_000 });
    const used = await lab.pushImage({ name: 'purge-used:1', program: 'pause', bytes: 1000 });
    const [first, second] = [
      await lab.pushImage({ name: 'purge-tag:1', bytes: 2000 }),
      'registry.local:5000/purge-tag:2',
    ];
    await retagged('purge-tag', '1', '2');
    await lab.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'user', namespace },
      spec: { nodeName: 'node1', automountServiceAccountToken: false, containers: [{ name: 'app', image: used }] },
    });
    await lab.ask('wait', '--for=condition=Ready', 'pod/user', '-n', namespace, '--timeout=90s');
    await cached('other', [second]);
    await cached('all', [plain, used, first, pause]);
    expect(await onBoth('purge-')).toEqual([
      [plain, first, second, used].toSorted(),
      [plain, first, second, used].toSorted(),
    ]);

    const { status, removals } = await purged('all', 2);
    expect(status).toBe('Succeeded');
    expect(removals['node1']).toMatchObject({ state: 'Removed', removed: 1, spared: 3 });
    expect(removals['node1']?.freedBytes).toBeGreaterThan(300_000);
    expect(
      Object.fromEntries(removals['node1']?.sparedImages.map(({ image, reason }) => [image, reason]) ?? []),
    ).toEqual({ [used]: 'InUse', [first]: 'SharedTag', [pause]: 'Pinned' });
    expect(removals['node2']).toMatchObject({ removed: 2, spared: 2 });
    const kept = [first, second].toSorted();
    expect(await onBoth('purge-')).toEqual([[...kept, used].toSorted(), kept]);
    expect(await lab.images(1)).toContain(pause);
    const events = await lab.ask('get', 'events', '-n', namespace, '-o', 'jsonpath={.items[*].message}');
    expect(events).toMatch(/Removed 3 images \([\d.]+ [kM]B\) from 2 nodes; spared 5 images: /);
    console.log(
      `after the purge:\n${JSON.stringify(removals, undefined, 1)}\nnode1: ${(await onBoth('purge-'))[0]?.join(' ') ?? ''}`,
    );
  });

  it('is followed by pulls at a refresh within 10 s, although nodes still list the images', async () => {
    const image = await lab.pushImage({ name: 'again:1', bytes: 5000 });
    await cached('again', [image]);
    await purged('again', 2);
    expect(await onBoth('again:')).toEqual([[], []]);
    await lab.ask('annotate', 'ic', 'again', '-n', namespace, 'kubefledged.io/refresh-imagecache=');
    await statusWhen(
      'again',
      'it is back',
      ({ round, nodesReady, status }) => round?.number === 3 && status === 'Succeeded' && nodesReady === '2/2',
    );
    expect(await onBoth('again:')).toEqual([[image], [image]]);
  });

  it('removes images from both nodes that an edit removes from the spec, and pulls others, as planned', async () => {
    const [stays, goes, comes] = [
      await lab.pushImage({ name: 'edit-stays:1' }),
      await lab.pushImage({ name: 'edit-goes:1', bytes: 200_000 }),
      await lab.pushImage({ name: 'edit-comes:1', bytes: 20 }),
    ];
    await cached('edited', [stays, goes]);
    const manifest = {
      ...{ apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata: { name: 'edited', namespace } },
      spec: { cacheSpec: [{ images: [stays, comes] }] },
    };
    // Kubelets list what they have pulled some seconds later.
    const planned = await vi.waitFor(
      async () => {
        const found = await plan(manifest);
        expect(found.bytes.unknownRemovals).toBe(0);
        for (const { pull, check, remove } of found.nodes)
          expect([[...pull, ...check], remove]).toEqual([[comes], [goes]]);
        return found;
      },
      { timeout: 60_000, interval: 1000 },
    );
    expect(planned.round).toEqual({ operation: 'Update', trigger: 'Spec' });
    for (const { freeBytes } of planned.nodes) expect(freeBytes ?? Infinity).toBeGreaterThan(1_000_000);
    await lab.ask(
      'patch',
      'ic',
      'edited',
      '-n',
      namespace,
      '--type=merge',
      '-p',
      JSON.stringify({ spec: manifest.spec }),
    );
    const { removals } = await statusWhen(
      'edited',
      'it is removed',
      ({ removals, status }) =>
        status === 'Succeeded' && Object.values(removals).filter(({ state }) => state === 'Removed').length === 2,
    );
    expect(await onBoth('edit-')).toEqual([
      [comes, stays],
      [comes, stays],
    ]);
    const freed = Object.values(removals).reduce((sum, { freedBytes }) => sum + freedBytes, 0);
    expect(planned.bytes.removed).toBe(freed);
    console.log(`planned: ${JSON.stringify(planned)}\nfreed: ${freed}`);
  });

  it('removes images from a cordoned node, to which they were also pulled', async () => {
    const image = await lab.pushImage({ name: 'cordoned:1', bytes: 30 });
    await lab.ask('cordon', 'node2');
    try {
      await cached('cordoned', [image]);
      expect(await onBoth('cordoned:')).toEqual([[image], [image]]);
      expect((await purged('cordoned', 2)).status).toBe('Succeeded');
      expect(await onBoth('cordoned:')).toEqual([[], []]);
    } finally {
      await lab.ask('uncordon', 'node2');
    }
  });

  it('removes images from a node under DiskPressure, to which nothing is pulled', async () => {
    const image = await lab.pushImage({ name: 'pressed:1', bytes: 40 });
    await cached('pressed', [image]);
    await underDiskPressure(2, async () => {
      expect(await onBoth('pressed:')).toEqual([[image], [image]]);
      const { status, removals } = await purged('pressed', 2);
      expect(status).toBe('Succeeded');
      expect(removals['node2']).toMatchObject({ state: 'Removed', removed: 1 });
      expect(await onBoth('pressed:')).toEqual([[], []]);
      expect(await diskPressure(2)).toBe('True');
    });
  });

  it('removes the images of a deleted cache only if its deletionPolicy is Purge', async () => {
    const [left, taken] = [
      await lab.pushImage({ name: 'del-left:1' }),
      await lab.pushImage({ name: 'del-taken:1', bytes: 20 }),
    ];
    await cached('left', [left]);
    await cached('taken', [taken], { deletionPolicy: 'Purge' });
    await gone('left');
    await gone('taken');
    expect(await onBoth('del-')).toEqual([[left], [left]]);
  });
});

const diskPressure = (node: number): Promise<string> =>
  lab.ask('get', 'node', `node${node}`, '-o', 'jsonpath={.status.conditions[?(@.type=="DiskPressure")].status}');

/**
 * Has a kubelet find its disk too full, until the act has ended. It frees its disk of unused images itself, but of none
 * that it has known for less than two minutes.
 */
async function underDiskPressure(node: number, act: () => Promise<void>): Promise<void> {
  const config = '/var/lib/kubelet/config.yaml';
  const restarted = (program: string) =>
    lab.node(node, 'bash', '-c', `sed -i '${program}' ${config} && pkill -9 -x kubelet`);
  const reports = (status: string) =>
    vi.waitFor(async () => expect(await diskPressure(node)).toBe(status), { timeout: 60_000, interval: 250 });
  await restarted('s/nodefs.available: 2%/nodefs.available: 99%/');
  try {
    await reports('True');
    await act();
  } finally {
    await restarted('s/nodefs.available: 99%/nodefs.available: 2%/');
    await reports('False');
  }
}

/** Adds another tag of the same manifest to the registry. */
async function retagged(name: string, from: string, to: string): Promise<void> {
  const type = 'application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.v2+json';
  const url = `http://172.30.0.1:5000/v2/${name}/manifests`;
  const program = `
    const got = await fetch('${url}/${from}', { headers: { accept: '${type}' } });
    const put = await fetch('${url}/${to}', { method: 'PUT', headers: { 'content-type': got.headers.get('content-type') }, body: await got.arrayBuffer() });
    if (put.status !== 201) throw new Error(String(put.status));`;
  const child = lab.enter('node', ['--input-type=module', '-e', program], { stdio: 'inherit' });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`the registry did not take the tag ${to}`);
}
