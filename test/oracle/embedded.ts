import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import { createApi } from '#runtime/api/create-api.ts';
import type { Registry } from '#runtime/registry/registry.ts';
import type { Program } from '@imagecache-functions/simulator';
import { simulateRemoval } from '../../deploy/standalone/simulate-removal.ts';
import { kube, type Kube } from '../behaviour/kube.ts';
import { isNodeReady, reportCondition } from '../behaviour/node-condition.ts';
import { parsePod } from '../behaviour/observed.ts';
import { registerSimulatedNode, simulatedImage } from '../behaviour/simulated-cluster.ts';
import { noDeliveryFaults, startBroker } from '../chaos/broker.ts';
import { injectFaults } from '../chaos/inject-faults.ts';
import { addressOf, brokerPort, type Profile, profiles, programs } from '../chaos/processes.ts';
import { seededRandom } from '../chaos/seeded-random.ts';
import { supervisor, type Supervisor } from '../chaos/supervisor.ts';
import { apiPort, logs, onVirtualCluster, tickTo, type VirtualCluster } from '../chaos/virtual-cluster.ts';
import type { Owner } from '../chaos/virtual-time.ts';
import type { Ending } from './ending.ts';
import { flagsOf, type History, type Settings } from './history.ts';
import { playHistory } from './play-history.ts';
import { killable, type Killable, type Pace, type Stage, type Traits } from './stage.ts';

export const embeddedTraits: Traits = {
  nodes: 3,
  mostSteps: 12,
  hasSlowImages: true,
  hasSimulatedNodes: true,
  hasImageStores: true,
  hasVirtualTime: true,
};

/** Deadlines, and what a deleted cache waits for, are minutes. */
const pace: Pace = { factor: 1, poll: 10_000, tick: 60_000, calm: 20_000, quiet: 250_000, longest: 7_200_000 };

/** A budget spreads over hours what nodes pull. */
const paceOf = ({ pullsPerHour }: Settings): Pace =>
  pullsPerHour === undefined ? pace : { ...pace, longest: 12 * pace.longest };

/** The node with a kubelet that neither mounts images nor keeps records of pulls. */
const oldNode = 'n3' as const;

const pool = { pool: 'oracle' } as const;
const usersNamespace = 'users' as const;

/** Plays a history on the simulator in virtual time, in one of the ways in which the product runs. */
export function playEmbedded(history: History, log?: (line: string) => void): Promise<Ending> {
  return onVirtualCluster(history.seed ?? 0, log, (cluster) => play(history, cluster));
}

async function play(history: History, cluster: VirtualCluster): Promise<Ending> {
  const { time, network, kubeconfig, log } = cluster;
  const user: Owner = { name: 'user', isDead: false };
  const seed = history.seed ?? 0;
  const supervised = supervisor({ time, network, log, chance: seededRandom(seed, 'supervisor') });
  const writes = countWrites(cluster, supervised);
  await cluster.start(withDeletion);
  const profile = seededRandom(seed, 'profile').pick(profiles);
  const errors: string[] = [];
  const listener = (line: string): void => {
    log(line);
    if (/"level":(50|60|"error"|"fatal")/.test(line)) errors.push(line);
  };
  const { settings = {} } = history;
  const flags = flagsOf(settings);
  const asked = registryOf(settings);
  const processes = programs(profile, {
    kubeconfig,
    log: logs(listener, 'info'),
    hasLease: false,
    flags,
    registry: asked,
  });
  supervised.start(processes);
  if (profile === 'broker')
    time.as(user, () =>
      startBroker({
        ...{ port: brokerPort, addressOf: (name) => addressOf(profile, name), chance: seededRandom(seed, 'broker') },
        ...{ deliveryFaults: () => noDeliveryFaults, pace: 1 },
      }),
    );
  const api = createApi({ kubeconfig, master: '', inCluster: false });
  const [verbs, users] = [kube(api, 'default'), kube(api, usersNamespace)];
  const stage: Stage = {
    ...embeddedStage(verbs, users),
    tick: () => tickTo(profile, log),
    ...killable({
      kill: () => Promise.resolve().then(supervised.stop),
      start: () => Promise.resolve(processes).then(supervised.start),
    }),
    pace: paceOf(settings),
    settings,
    ...(keepsBudget(history, profile) ? { pullsPerHour: settings.pullsPerHour } : {}),
    writes: () => writes.count,
    complaints: () => errors,
  };
  try {
    return await time.through(
      time.as(user, async () => {
        await verbs.create('Namespace', usersNamespace);
        return playHistory(history, stage);
      }),
    );
  } finally {
    api.close();
  }
}

/** Processes that decide at the same time may exceed a budget, and one that starts does not know of deleted caches. */
const keepsBudget = ({ steps }: History, profile: Profile): boolean =>
  profile === 'standalone' && !steps.some(({ type }) => type === 'outage');

/** A registry that knows no image, and throttles at first. */
function registryOf({ throttledMinutes = 0 }: Settings): Registry {
  const end = Date.now() + throttledMinutes * 60_000;
  const limit = { left: 0, ms: undefined, hasLogin: false } as const;
  const reason = 'no registry is asked' as const;
  return {
    digest: () => Promise.resolve({ type: 'unknown', reason, ...(Date.now() < end ? { limit } : {}) }),
    anonymousPull: () => Promise.resolve(undefined),
    close: () => undefined,
  };
}

/** Counts what the product writes, without Leases and Events. */
function countWrites({ network, time }: VirtualCluster, supervised: Supervisor): { count: number } {
  const writes = { count: 0 };
  network.onListen((server, port) => {
    if (port !== apiPort) return;
    injectFaults(server, {
      linkOf: network.linkOf,
      after: () => undefined,
      afterAlways: (ms, run) => void time.after(ms, run),
      kill: () => undefined,
      fault: ({ method, url = '' }, { client }) => {
        if (supervised.isMine(client) && method !== 'GET' && !/\/(leases|events)/.test(url)) writes.count += 1;
        return undefined;
      },
    });
  });
  return writes;
}

type Fixed = Omit<Stage, 'pace' | 'tick' | 'settings' | 'writes' | 'complaints' | keyof Killable>;

const deleteImage = 'delete-image' as const;

/** A container that deletes an image of its node, as `crictl rmi` does. */
const withDeletion: Program = (container, node) => {
  const [program, reference] = z.safeParse(withArgs, container).data?.args ?? [];
  if (program !== deleteImage) return simulateRemoval(container, node);
  const found = node.images().find(({ name }) => name === reference);
  if (found !== undefined) node.remove(found.digest);
  return { exitCode: 0, message: '' };
};

const withArgs = z.object({ args: z._default(z.array(z.string()), []) });

function embeddedStage(verbs: Kube, users: Kube): Fixed {
  const image = (name: string): string => {
    const [kind = '', rest] = name.split('-');
    return kind === 'missing' || kind === 'denied' || kind === 'slow'
      ? simulatedImage(kind, rest ?? '')
      : simulatedImage('good', name);
  };
  let deletions = 0;
  return {
    kube: verbs,
    users,
    image,
    node: (name) => name,
    selector: (zone) => ({ ...pool, ...(zone === undefined ? {} : { zone }) }),
    join: async (node, zone) => {
      await registerSimulatedNode(verbs, node, { labels: { ...pool, zone }, taints: [] });
      if (node === oldNode) await verbs.patchStatus('Node', node, { nodeInfo: { kubeletVersion: 'v1.33.4' } });
      while (!isNodeReady(await verbs.get('Node', node))) await pause(200);
    },
    leave: (node) => verbs.remove('Node', node),
    report: (node, type, status) => reportCondition(verbs, node, { type, status }),
    takeAway: async (nodeName, name) => {
      deletions += 1;
      const pod = `delete-${deletions}`;
      if (!isNodeReady(await verbs.get('Node', nodeName))) return;
      const containers = [{ name: 'main', image: 'registry.example/tool:1', args: [deleteImage, image(name)] }];
      await users.create('Pod', pod, { spec: { nodeName, restartPolicy: 'Never', containers } });
      while (!(await hasEnded(users, pod))) await pause(200);
      await users.remove('Pod', pod);
    },
    imagesOn: async (node) => taggedImages(await verbs.get('Node', node)),
  };
}

const hasEnded = async (users: Kube, pod: string): Promise<boolean> => {
  const object = await users.get('Pod', pod);
  return object === undefined || ['Succeeded', 'Failed'].includes(parsePod(object).status.phase);
};

/** The simulator's kubelets list all images within a second. */
const taggedImages = (node: unknown): readonly string[] =>
  listing.parse(node).status.images.flatMap(({ names }) => names.filter((name) => !name.includes('@')));

const listing = z.object({
  status: z.object({ images: z._default(z.array(z.object({ names: z.array(z.string()) })), []) }),
});
