import { randomBytes } from 'node:crypto';
import { createApi } from '#runtime/api/create-api.ts';
import { loadCredentials } from '#runtime/api/credentials.ts';
import type { ClusterUnderTest, ImageKind } from './cluster-under-test.ts';
import { eventually } from './eventually.ts';
import { watchHistory, type History } from './history.ts';
import { kube, type Kube } from './kube.ts';
import { product, type Product } from './product.ts';
import { scopingProxy, type ScopingProxy } from './scoping-proxy.ts';
import { parseCache, parseEvent, type ObservedCache, type ObservedEvent } from './observed.ts';
import { worldNodes, type WorldNodes } from './world-nodes.ts';

/** What a scenario has to itself: a namespace, nodes, a product, and all that kubectl can do and see there. */
export type World = {
  readonly namespace: string;
  readonly kube: Kube;
  readonly history: History;
  readonly nodes: WorldNodes;
  readonly product: Product;
  /** The product's own way to the API server; undefined where it sees the whole cluster. */
  readonly connection: ScopingProxy | undefined;
  /** How much the product has written, Leases apart; where it is not asked through us, what has been written of caches and Jobs by anybody. */
  readonly writes: () => number;
  /** A kubectl call in the scenario's namespace; its standard output, or a throw if it fails. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  /** A reference to an image that no other scenario uses; of the same kind and name it is the same. */
  readonly image: (kind: ImageKind, name?: string) => Promise<string>;
  /** The verbs in another namespace. */
  readonly inNamespace: (other: string) => Kube;
  /** Images that a node has, by its runtime's word or else by what its Pods got; sorted. */
  readonly imagesOn: (node: string) => Promise<readonly string[]>;
  /** Makes a cache with one list of these images for all of the scenario's nodes; `spec` adds to that or replaces it. */
  readonly createCache: (name: string, images: readonly string[], spec?: object) => Promise<ObservedCache>;
  /** A merge patch of the spec. */
  readonly editCache: (name: string, spec: object) => Promise<void>;
  /** A list for `cacheSpec`: these images on the scenario's nodes that have these labels. */
  readonly list: (images: readonly string[], labels?: Readonly<Record<string, string>>) => object;
  /** The cache once it says that its latest generation is done with, well or not. */
  readonly settled: (name: string, seconds?: number) => Promise<ObservedCache>;
  readonly events: (cache: string) => Promise<readonly ObservedEvent[]>;
  readonly end: () => Promise<void>;
};

export type WorldOptions = {
  /** Lets the product see the whole cluster, as in production: such scenarios run alone. */
  readonly isClusterWide: boolean;
};

/** An empty world in a namespace of its own. */
export async function createWorld(cluster: ClusterUnderTest, options: WorldOptions): Promise<World> {
  const namespace = `b-${randomBytes(4).toString('hex')}`;
  const source = { kubeconfig: cluster.kubeconfig, master: cluster.master, inCluster: false };
  const api = createApi(source);
  const verbs = kube(api, namespace);
  await verbs.create('Namespace', namespace);
  const history = await watchHistory(api, namespace, cluster.installed?.namespace);
  const isScoped = !options.isClusterWide && cluster.installed === undefined;
  const proxy = isScoped ? await scopingProxy(loadCredentials(source), namespace) : undefined;
  const nodes = worldNodes(cluster, verbs, namespace);
  const place = {
    kubeconfig: cluster.kubeconfig,
    master: proxy?.url ?? cluster.master,
    env: { KUBEFLEDGED_NAMESPACE: namespace, TICK_SCHEDULE: '', ...cluster.env },
    program: cluster.program,
  };
  const theProduct = cluster.installed?.product() ?? product(place);
  return {
    namespace,
    kube: verbs,
    history,
    nodes,
    product: theProduct,
    connection: proxy,
    writes: () => proxy?.writes() ?? history.changes(),
    kubectl: (...args) => kubectl(cluster, ['-n', namespace, ...args]),
    image: (kind, name = 'image') => cluster.image(kind, `${namespace}-${name}`),
    inNamespace: (other) => kube(api, other),
    imagesOn: async (node) =>
      cluster.imagesOn === undefined ? history.imagesPulled(node) : (await cluster.imagesOn(node)).toSorted(),
    ...caches({ kube: verbs, history, nodes, namespace }),
    end: async () => {
      await ended({ product: theProduct, history, proxy, nodes });
      await letGo(verbs);
      await verbs.remove('Namespace', namespace);
      api.close();
    },
  };
}

async function kubectl(cluster: ClusterUnderTest, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(...args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

type Place = Pick<World, 'kube' | 'history' | 'nodes' | 'namespace'>;

function caches({
  kube: verbs,
  history,
  nodes,
}: Place): Pick<World, 'list' | 'createCache' | 'editCache' | 'settled' | 'events'> {
  const generations = new Map<string, number>();
  const list: World['list'] = (images, labels = {}) => ({ images, nodeSelector: nodes.labelled(labels) });
  const noted = (name: string, object: unknown): ObservedCache => {
    const cache = parseCache(object);
    generations.set(name, cache.metadata.generation);
    return cache;
  };
  return {
    list,
    createCache: async (name, images, spec = {}) =>
      noted(name, await verbs.create('ImageCache', name, { spec: { cacheSpec: [list(images)], ...spec } })),
    editCache: async (name, spec) => void noted(name, await verbs.patch('ImageCache', name, { spec })),
    settled: (name, seconds = 40) =>
      eventually(`${name} is done with`, () => settled(history.cache(name), generations.get(name) ?? 0), seconds),
    events: async (name) =>
      (await verbs.list('Event')).map(parseEvent).filter((event) => event.involvedObject.name === name),
  };
}

function settled(cache: ObservedCache | undefined, generation: number): ObservedCache | undefined {
  if (cache === undefined) return undefined;
  const { status, observedGeneration = 0 } = cache.status;
  const isDone = observedGeneration >= generation && status !== 'Processing' && status !== '';
  return isDone ? cache : undefined;
}

/** A cache that waits for a removal would keep its namespace for ever. */
async function letGo(verbs: Kube): Promise<void> {
  for (const cache of (await verbs.list('ImageCache')).map(parseCache))
    if (cache.metadata.finalizers.length > 0)
      await verbs.patch('ImageCache', cache.metadata.name, { metadata: { finalizers: null } });
}

type Parts = Pick<World, 'product' | 'history' | 'nodes'> & { readonly proxy: ScopingProxy | undefined };

async function ended({ product: theProduct, history, proxy, nodes }: Parts): Promise<void> {
  await theProduct.kill().catch(() => undefined); // it may not run, or have ended by itself
  await history.stop();
  await proxy?.close();
  await nodes.end();
}
