import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import type { Sent } from './peers.ts';
import { preparedLab, statusOnce } from './prepared-lab.ts';

/** Two nodes whose runtimes ask a mirror first, which serves whole images that the other node holds, as Spegel does. */

const namespace = 'peers';
const open = 'peers.local:5020';
const forAccounts = 'peers.local:5021';
const bytes = 24_000_000;

let lab: Lab;
let product: OnNodes;
let peers: ChildProcess;
beforeAll(async () => {
  lab = await preparedLab(namespace);
  peers = lab.enter(process.execPath, [join(import.meta.dirname, 'peers.ts'), JSON.stringify(inject('lab'))], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(peers, 'message');
  for (const node of [1, 2]) for (const host of [open, forAccounts]) await addHost(node, host);
  product = await startOnNodes(lab, ['--image-cache-refresh-frequency=0s']);
});
afterAll(async () => {
  console.table(rows);
  peers.kill();
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
    const { images } = await pulled('peers-private', forAccounts, { imagePullSecrets: [{ name: 'alice' }] });
    expect(images.map(({ access }) => access)).toEqual(['Anyone']);
  });
});
