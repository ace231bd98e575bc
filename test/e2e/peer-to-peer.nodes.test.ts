import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';
import { eventually } from '../behaviour/eventually.ts';
import { started } from './consumers.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import type { Sent } from './peers.ts';
import { type Meter, meteredRegistry, startMeter } from './start-meter.ts';
import { preparedLab, statusOnce } from './prepared-lab.ts';

/**
 * Two nodes whose runtimes ask a mirror first, which serves whole images that the other node holds, as Spegel does. Beside
 * that they wait for a registry that meters, which takes a minute.
 */

const namespace = 'peers';
const open = 'peers.local:5020';
const forAccounts = 'peers.local:5021';
const bytes = 24_000_000;

let lab: Lab;
let product: OnNodes;
let peers: ChildProcess;
let meter: Meter;
beforeAll(async () => {
  lab = await preparedLab(namespace);
  peers = lab.enter(process.execPath, [join(import.meta.dirname, 'peers.ts'), JSON.stringify(inject('lab'))], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(peers, 'message');
  for (const node of [1, 2]) for (const host of [open, forAccounts]) await addHost(node, host);
  meter = await startMeter(lab);
  const flags = ['--image-cache-refresh-frequency=0s', `--registry-insecure=${meteredRegistry}`];
  product = await startOnNodes(lab, flags, { TICK_SCHEDULE: '*/5 * * * * *' });
  await waitForMeter();
});
afterAll(async () => {
  console.table(rows);
  peers.kill();
  meter.stop();
  await product.stop();
});

/** As Spegel writes it: the mirror first, the registry if the mirror does not have it. */
async function addHost(node: number, host: string): Promise<void> {
  const folder = `/etc/containerd/certs.d/${host}`;
  const hosts = [
    `server = "http://172.30.0.1:${host.split(':')[1] ?? ''}"`,
    '[host."http://172.30.0.1:5030"]',
    'capabilities = ["pull", "resolve"]',
  ].join('\n');
  await lab.node(node, 'bash', '-c', `mkdir -p '${folder}' && echo '${hosts}' > '${folder}/hosts.toml'`);
}

const Cache = z.object({
  status: z.optional(
    z.object({
      status: z._default(z.string(), ''),
      message: z._default(z.string(), ''),
      nodesReady: z._default(z.string(), ''),
      images: z._default(z.array(z.object({ access: z._default(z.string(), '') })), []),
    }),
  ),
});
type Status = NonNullable<z.infer<typeof Cache>['status']>;

/** Pulls a new image to both nodes. */
async function pulled(name: string, host: string, spec: object): Promise<Status> {
  await lab.pushImage({ name: `${name}:1`, bytes });
  const [kind, apiVersion] = ['ImageCache', 'kubefledged.io/v1alpha2'];
  const cacheSpec = [{ images: [`${host}/${name}:1`] }];
  await lab.apply({ apiVersion, kind, metadata: { namespace, name }, spec: { cacheSpec, ...spec } });
  return statusOnce(
    lab,
    { namespace, name },
    {
      what: `${name} is on both nodes`,
      holds: ({ status, nodesReady }) => status === 'Succeeded' && nodesReady === '2/2',
      parse: (cache) => Cache.parse(cache).status,
      seconds: 90,
    },
  );
}

async function sent(repository: string): Promise<Sent> {
  peers.send(repository);
  const [reply] = (await once(peers, 'message')) as [Sent];
  return reply;
}

const metered = Array.from({ length: 8 }, (_, index) => `metered-${index}`);

/** A cache of moving images of a registry that has just served all that it serves in a minute. */
async function waitForMeter(): Promise<void> {
  for (const name of metered) await lab.pushImage({ name: `${name}:latest`, program: 'scratch', bytes: 4096 });
  for (const name of ['consumed:1', 'hello:1']) await lab.pushImage({ name });
  await meter.ask('use up');
  const cacheSpec = [{ images: metered.map((name) => `${meteredRegistry}/${name}:latest`) }];
  const [kind, apiVersion] = ['ImageCache', 'kubefledged.io/v1alpha2'];
  await lab.apply({ apiVersion, kind, metadata: { namespace, name: 'metered' }, spec: { cacheSpec } });
}

const rows: object[] = [];
const tabulated = (waves: string, { image, registry, mirror }: Sent): void => {
  const inImages = (count: number): string => (count / image).toFixed(3);
  rows.push({ waves, image, registry: inImages(registry), mirror: inImages(mirror) });
};

describe('a mirror that serves whole images that other nodes hold', { timeout: 120_000 }, () => {
  it('halves what the registry sends if one node pulls first', async () => {
    await pulled('peers-seeded', open, { rollout: { canaryNodes: 1 } });
    const found = await sent('peers-seeded');
    tabulated('canaryNodes: 1', found);
    expect(found.registry).toBeLessThanOrEqual(1.05 * found.image);
    expect(found.mirror).toBeGreaterThanOrEqual(0.95 * found.image);
  });

  it('has nothing to serve if all nodes pull at once', async () => {
    // The registry is on trial, on one node, until a node reports an image of it, which kubelets do every ten seconds.
    const names = ['get', 'nodes', '-o', 'jsonpath={.items[*].status.images[*].names[*]}'] as const;
    await eventually('a node reports an image', async () => (await lab.ask(...names)).includes(`${open}/`), 60);
    await pulled('peers-at-once', open, {});
    const found = await sent('peers-at-once');
    tabulated('none', found);
    expect(found.registry).toBeGreaterThanOrEqual(1.95 * found.image);
    expect(found.mirror).toBe(0);
  });

  it('gives a private image to a node without credentials, which is then open to every Pod', async () => {
    const entry = { auth: Buffer.from('alice:a').toString('base64') };
    await lab.apply({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'alice' } },
      type: 'kubernetes.io/dockerconfigjson',
      stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [forAccounts]: entry } }) },
    });
    const name = 'peers-private';
    await pulled(name, forAccounts, { imagePullSecrets: [{ name: 'alice' }] });
    // A node can open the image only while the other holds it, which need not be so at the end of the first round.
    await lab.ask('annotate', 'ic', name, '-n', namespace, 'kubefledged.io/refresh-imagecache=verify');
    await statusOnce(
      lab,
      { namespace, name },
      {
        what: `${name} is open to every Pod`,
        holds: ({ images }: Status) => images.every(({ access }) => access === 'Anyone'),
        parse: (cache) => Cache.parse(cache).status,
        seconds: 90,
      },
    );
  });
});

describe('a registry that serves 100 manifests in a minute, and has', { timeout: 120_000 }, () => {
  const cache = { namespace, name: 'metered' };
  const statusWhen = async (what: string, holds: (status: Status) => boolean): Promise<Status> =>
    statusOnce(lab, cache, { what, holds, parse: (object) => Cache.parse(object).status, seconds: 100 });

  it('throttles questions and no node: these wait for it, and Pods of users pull beside them', async () => {
    await statusWhen(
      'the nodes no longer wait',
      ({ message, status }) => status !== '' && !message.includes('wait for'),
    );
    const consumer = { who: 'a user', namespace };
    const images = [`${meteredRegistry}/consumed:1`];
    const starts = await started(lab, [{ consumer, nodes: [1, 2], images }]);
    expect(starts.map(({ outcome, message }) => `${outcome} ${message}`)).toEqual(Array(4).fill('starts '));
    await statusWhen('the round has ended', ({ status, nodesReady }) => status === 'Succeeded' && nodesReady === '2/2');
    const { served, throttled } = await meter.ask('report');
    expect([served, throttled.pulls]).toEqual([2 * (metered.length + 1), 0]);
    // As many as are asked at once; the first answer keeps the others back.
    expect(throttled.questions).toBeGreaterThan(0);
    expect(throttled.questions).toBeLessThanOrEqual(4);
    const reasons = ['-o', 'jsonpath={range .items[*]}{.reason}{"\\n"}{end}'];
    const events = await lab.ask(
      'get',
      'events',
      '-n',
      namespace,
      '--field-selector=involvedObject.name=metered',
      ...reasons,
    );
    expect(
      events
        .split('\n')
        .filter((reason) => reason.startsWith('Registry'))
        .toSorted(),
    ).toEqual(['RegistryRests', 'RegistryServes']);
  });
});
