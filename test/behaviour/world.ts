import { randomBytes } from 'node:crypto';
import { createApi, loadCredentials } from '#runtime/api/create-api.ts';
import type { ClusterUnderTest, ImageKind } from './cluster-under-test.ts';
import { eventually } from './eventually.ts';
import { watchHistory, type History } from './history.ts';
import { kube, type Kube } from './kube.ts';
import { product, type Product } from './product.ts';
import { scopingProxy, type ScopingProxy } from './scoping-proxy.ts';
import { parseCache, parseEvent, type ObservedCache, type ObservedEvent } from './observed.ts';
import { worldNodes, type WorldNodes } from './world-nodes.ts';

/** The environment of one scenario: a namespace, nodes, a product, and the operations of kubectl. */
export type World = {
  readonly namespace: string;
  readonly kube: Kube;
  readonly history: History;
  readonly nodes: WorldNodes;
  readonly product: Product;
  /** The product's proxy to the API server; undefined if the product sees the whole cluster. */
  readonly connection: ScopingProxy | undefined;
  /** The number of writes by the product without Leases; without a proxy, all changes of caches and Jobs. */
  readonly writes: () => number;
  /** Runs kubectl in the scenario's namespace and returns its standard output; throws if it fails. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  /** A reference to an image that no other scenario uses; it is the same for the same kind and name. */
  readonly image: (kind: ImageKind, name?: string) => Promise<string>;
  /** The same operations in another namespace. */
  readonly inNamespace: (other: string) => Kube;
  /** Images on a node, according to its runtime if available or else to its Pods; sorted. */
  readonly imagesOn: (node: string) => Promise<readonly string[]>;
  /** Creates a cache with one list of these images for all nodes of the scenario; `spec` is merged into its spec. */
  readonly createCache: (name: string, images: readonly string[], spec?: object) => Promise<ObservedCache>;
  /** A merge patch of the spec. */
  readonly editCache: (name: string, spec: object) => Promise<void>;
  /** A list for `cacheSpec`: these images on the scenario's nodes that have these labels. */
  readonly list: (images: readonly string[], labels?: Readonly<Record<string, string>>) => object;
  /** The cache once the round of its latest generation has ended, whether it succeeded or failed. */
  readonly settled: (name: string, seconds?: number) => Promise<ObservedCache>;
  readonly events: (cache: string) => Promise<readonly ObservedEvent[]>;
  readonly end: () => Promise<void>;
};

export type WorldOptions = {
  /** Whether the product sees the whole cluster, as in production; such scenarios run alone. */
  readonly isClusterWide: boolean;
};

/** Creates an empty world in a new namespace. */
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
      eventually(`${name} is finished`, () => settled(history.cache(name), generations.get(name) ?? 0), seconds),
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

/** A cache that waits for a removal would block the deletion of its namespace. */
async function letGo(verbs: Kube): Promise<void> {
  for (const cache of (await verbs.list('ImageCache')).map(parseCache))
    if (cache.metadata.finalizers.length > 0)
      await verbs.patch('ImageCache', cache.metadata.name, { metadata: { finalizers: null } });
}

type Parts = Pick<World, 'product' | 'history' | 'nodes'> & { readonly proxy: ScopingProxy | undefined };

async function ended({ product: theProduct, history, proxy, nodes }: Parts): Promise<void> {
  await theProduct.kill().catch(() => undefined); // it may not run, or may have exited
  await history.stop();
  await proxy?.close();
  await nodes.end();
}
