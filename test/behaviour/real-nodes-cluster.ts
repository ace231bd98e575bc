import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import { productImage } from '../e2e/product-image.ts';
import type { ClusterKind, ClusterUnderTest, ImageKind } from './cluster-under-test.ts';
import { eventually } from './eventually.ts';
import type { Kube } from './kube.ts';

export const realKind: ClusterKind = {
  name: 'two real nodes',
  has: new Set(['kubectl']),
  atOnce: 3,
  nodes: 2,
  isStartedAtOnce: false,
};

export type Started = ClusterUnderTest & { readonly stop: () => Promise<void> };

/** A lab with real nodes that pull from the registries of the lab. */
export async function realNodesCluster(lab: Lab): Promise<Started> {
  const way = await wayIn(lab);
  const noopImage = await productImage(lab, 'noop');
  const removalImage = await productImage(lab, 'functions');
  const pushed = new Map<string, Promise<string>>();
  const lent = new Set<Lent>();
  return {
    kubeconfig: lab.kubeconfig,
    master: way.url,
    env: { NOOP_IMAGE: noopImage, REMOVAL_IMAGE: removalImage },
    kubectl: lab.kubectl,
    image: (kind, name) => {
      const image = pushed.get(`${kind} ${name}`) ?? imageIn(lab, kind, name);
      pushed.set(`${kind} ${name}`, image);
      return image;
    },
    lendNode: async (kube, _, labels) => {
      const node = nodeFor(kube, lent);
      if (node === undefined) throw new Error('the scenario has all nodes');
      lent.add({ to: kube, node, labels });
      await kube.patch('Node', node, { metadata: { labels } });
      return node;
    },
    returnNode: (kube, name) => takeBack(kube, name, lent),
    imagesOn: (node) => lab.images(Number(node.replace('node', ''))),
    stop: way.close,
  };
}

function imageIn(lab: Lab, kind: ImageKind, name: string): Promise<string> {
  if (kind === 'good') return lab.pushImage({ name: `${name}:1`, bytes: 10_000 });
  if (kind === 'denied') return lab.pushImage({ name: `${name}:1`, isPrivate: true });
  if (kind === 'missing') return Promise.resolve(`registry.local:5000/${name}:missing`);
  throw new Error(`real registries have no ${kind} images`);
}

/** Adds the labels of a scenario to a node. Several scenarios may use a node at once, each with its own labels. */
type Lent = { readonly to: Kube; readonly node: string; readonly labels: Readonly<Record<string, string>> };

/** The least used node among those that this scenario does not have yet. */
function nodeFor(kube: Kube, lent: ReadonlySet<Lent>): string | undefined {
  const of = (name: string): readonly Lent[] => [...lent].filter(({ node }) => node === name);
  return ['node1', 'node2']
    .filter((name) => of(name).every(({ to }) => to !== kube))
    .toSorted((a, b) => of(a).length - of(b).length)[0];
}

async function takeBack(kube: Kube, name: string, lent: Set<Lent>): Promise<void> {
  for (const each of [...lent].filter(({ to, node }) => to === kube && node === name)) {
    const labels = Object.fromEntries(Object.keys(each.labels).map((key) => [key, null]));
    await kube.patch('Node', name, { metadata: { labels } });
    lent.delete(each);
  }
}

type Way = { readonly url: string; readonly close: () => Promise<void> };

/** The API server is in a network namespace, so kubectl proxies it to a socket file, which is forwarded to a local port. */
async function wayIn(lab: Lab): Promise<Way> {
  const socket = join(lab.logs, `../run/api-${process.pid}.sock`);
  const proxy = lab.enter('kubectl', ['proxy', `--unix-socket=${socket}`], { stdio: 'ignore' });
  const server = createServer((from) => {
    const to = createConnection(socket);
    from.pipe(to).pipe(from);
    from.on('error', () => to.destroy());
    to.on('error', () => from.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${portOf(server.address())}`;
  await eventually('the API server is reached', async () => (await fetch(`${url}/readyz`)).ok);
  return {
    url,
    close: async () => {
      proxy.kill();
      server.close();
      await once(proxy, 'exit');
    },
  };
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0;
