import { createApi } from '#runtime/api/create-api.ts';
import type { ClusterUnderTest, ImageKind } from '../behaviour/cluster-under-test.ts';
import { installCrd } from '../behaviour/lab-under-test.ts';
import type { Start } from '../behaviour/product.ts';
import { realNodesCluster } from '../behaviour/real-nodes-cluster.ts';
import { simulatedCluster } from '../behaviour/simulated-cluster.ts';
import { createWorld, type World } from '../behaviour/world.ts';
import type { Lab } from '../cluster/lab.ts';
import type { Cluster } from './clusters.ts';
import { cachedImages, foreignImage } from './draw-history.ts';
import type { Ending } from './ending.ts';
import { flagsOf, type History, type Settings } from './history.ts';
import { playHistory } from './play-history.ts';
import { recordImages, type RecordedImages } from './recorded-images.ts';
import { killable, type Killable, type Pace, type Stage, type Traits } from './stage.ts';

type Kind = 'control-plane' | 'nodes';

const traits: Readonly<Record<Kind, Traits>> = {
  'control-plane': {
    nodes: 3,
    mostSteps: 10,
    hasSlowImages: true,
    hasSimulatedNodes: true,
    hasImageStores: false,
    hasVirtualTime: false,
  },
  nodes: {
    nodes: 2,
    mostSteps: 7,
    hasSlowImages: false,
    hasSimulatedNodes: false,
    hasImageStores: true,
    hasVirtualTime: false,
  },
};

/** Time is real here: pauses are short, and the product ticks by itself, every two seconds. What a quota forbids is tried for 90 s before its pauses are long enough to judge between. */
const paces: Readonly<Record<Kind, Pace>> = {
  'control-plane': { factor: 0.2, poll: 400, tick: 0, calm: 2_500, quiet: 4_500, longest: 240_000 },
  nodes: { factor: 0.3, poll: 500, tick: 0, calm: 2_500, quiet: 4_500, longest: 240_000 },
};

/** The last of two equal flags counts. */
const startOf = (settings: Settings): Start => ({
  env: { TICK_SCHEDULE: '*/2 * * * * *' },
  flags: [
    '--image-cache-refresh-frequency=0s',
    '--image-pull-deadline-duration=10s',
    '--leader-election=false',
    ...flagsOf(settings),
  ],
});

/** Histories on a lab: on real nodes one after the other, as they are shared. */
export async function labCluster(lab: Lab, kind: Kind): Promise<Cluster> {
  await installCrd(lab);
  if (kind === 'control-plane') await lab.simulate(1);
  const real = kind === 'nodes' ? await realNodesCluster(lab) : undefined;
  const cluster: ClusterUnderTest = real ?? simulatedCluster(lab);
  return {
    traits: traits[kind],
    atOnce: kind === 'nodes' ? 1 : 8,
    play: async (history) => {
      const world = await createWorld(cluster, { isClusterWide: false });
      try {
        return await play(history, { world, cluster, kind, lab });
      } finally {
        await world.end();
      }
    },
    stop: async () => {
      await real?.stop();
    },
  };
}

type Place = { readonly world: World; readonly cluster: ClusterUnderTest; readonly kind: Kind; readonly lab: Lab };

async function play(history: History, place: Place): Promise<Ending> {
  const { world, cluster } = place;
  const api = createApi({ kubeconfig: cluster.kubeconfig, master: cluster.master, inCluster: false });
  const recorded = await recordImages(api, world.namespace);
  const users = `${world.namespace}-users`;
  await world.kube.create('Namespace', users);
  const { settings = {} } = history;
  const start = (): Promise<void> => world.product.start(startOf(settings));
  try {
    await start();
    const product = killable({ kill: world.product.kill, start });
    return await playHistory(history, { ...(await stageOn(place, recorded, users)), ...product, settings });
  } finally {
    for (const node of nodeNames(place)) await released(place, node);
    await recorded.stop();
    await world.kube.remove('Namespace', users);
    api.close();
  }
}

/** Real nodes are left as they were found. */
async function released({ world, kind }: Place, node: string): Promise<void> {
  if (kind !== 'nodes') return;
  await world.nodes.cordon(node, false);
  await world.nodes.taint(node, []);
  await world.nodes.mark(node, { 'kubefledged.io/skip': null });
}

const nodeNames = ({ kind }: Place): readonly string[] => (kind === 'nodes' ? ['node1', 'node2'] : []);

/** The kind of image that its name says. */
const kindOf = (name: string): ImageKind =>
  (['missing', 'denied', 'slow'] as const).find((kind) => name.startsWith(kind)) ?? 'good';

async function stageOn(
  { world, cluster, kind, lab }: Place,
  recorded: RecordedImages,
  users: string,
): Promise<Omit<Stage, keyof Killable | 'settings'>> {
  const references = new Map<string, string>();
  for (const name of [...cachedImages, foreignImage])
    if (kind !== 'nodes' || kindOf(name) !== 'slow') references.set(name, await world.image(kindOf(name), name));
  const nodes = new Map<string, string>();
  const image = (name: string): string => references.get(name) ?? references.get('a') ?? '';
  const node = (name: string): string => nodes.get(name) ?? `${world.namespace}-none`;
  return {
    pace: paces[kind],
    kube: world.kube,
    users: world.inNamespace(users),
    image,
    node,
    selector: (zone) => world.nodes.labelled(zone === undefined ? {} : { zone }),
    join: async (name, zone) => {
      const known = nodes.get(name);
      if (known === undefined) nodes.set(name, await world.nodes.addOne({ zone }));
      else if ((await world.kube.get('Node', known)) === undefined)
        await cluster.lendNode(world.kube, known, world.nodes.labelled({ zone }));
    },
    leave: async (name) => {
      await world.kube.remove('Node', node(name));
      recorded.forget(node(name));
    },
    report: (name, condition, status) =>
      nodes.has(name) ? world.nodes.report(node(name), condition, status) : Promise.resolve(),
    takeAway: async (name, taken) => {
      const number = Number(node(name).replace('node', ''));
      await lab.node(number, 'ctr', '-n', 'k8s.io', 'images', 'rm', '--sync', image(taken));
    },
    imagesOn: async (name) =>
      kind === 'nodes'
        ? (await world.imagesOn(name)).filter((reference) => !reference.includes('@'))
        : recorded.on(name),
    tick: () => Promise.resolve(),
    writes: world.writes,
    complaints: world.product.complaints,
  };
}
