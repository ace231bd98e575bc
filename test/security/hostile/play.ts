import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import { createApi } from '#runtime/api/create-api.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Registry } from '#runtime/registry/registry.ts';
import type { Program } from '@imagecache-functions/simulator';
import { simulateRemoval } from '../../../deploy/standalone/simulate-removal.ts';
import { type Kube, kube } from '../../behaviour/kube.ts';
import { isNodeReady } from '../../behaviour/node-condition.ts';
import { registerSimulatedNode } from '../../behaviour/simulated-cluster.ts';
import { programs } from '../../chaos/processes.ts';
import { seededRandom } from '../../chaos/seeded-random.ts';
import { supervisor } from '../../chaos/supervisor.ts';
import { logs, onVirtualCluster, tickTo, type VirtualCluster } from '../../chaos/virtual-cluster.ts';
import type { Owner } from '../../chaos/virtual-time.ts';
import { known, ourImages, type Step, tenant } from './draw-steps.ts';
import type { Observed } from './rules.ts';

/** What was observed, and how much happened. */
export type Played = Observed & {
  readonly accepted: number;
  readonly refused: number;
  readonly jobs: number;
};

type Options = {
  /** With `Trusted` the tenant may have any image: the rules then find what they are for. */
  readonly tenancy: 'Isolated' | 'Trusted';
  /** Whether the tenant does nothing: the neighbour edits its cache at the same time nevertheless. */
  readonly isIdle?: boolean;
  readonly log?: (line: string) => void;
};

const nodes = ['n1', 'n2', 'n3'];
const namespaceOf = (secret: string): string => `ns-${secret}`;

/** Plays the steps of a tenant beside a neighbour, on a simulated cluster in virtual time. */
export function playSteps(seed: number, steps: readonly Step[], options: Options): Promise<Played> {
  return onVirtualCluster(seed, options.log, (cluster) => play(seed, steps, options, cluster));
}

async function play(
  seed: number,
  steps: readonly Step[],
  { tenancy, isIdle = false }: Options,
  cluster: VirtualCluster,
): Promise<Played> {
  const { time, network, kubeconfig, log } = cluster;
  const secret = `zq${(seed % 1_000_000).toString(36)}zq`;
  const user: Owner = { name: 'user', isDead: false };
  const record: Record = { removed: [], lost: [], onNodes: new Map() };
  const asked: string[] = [];
  const others: readonly string[] = [...known.neighbour, ...known.platform, ...known.shared, ourImages.noop];
  await cluster.start(recording(record, (image) => others.includes(image) || image.includes(secret)));
  const supervised = supervisor({ time, network, log, chance: seededRandom(seed, 'supervisor') });
  const isolated = { [tenant]: ['registry.example/tenant/*'], '*': ['registry.example/shared/*'] };
  const allowed = { ...isolated, [namespaceOf(secret)]: ['registry.example/*'] };
  const flags = [
    `--noop-image=${ourImages.noop}`,
    `--removal-image=${ourImages.removal}`,
    '--image-pull-deadline-duration=60s',
    ...(tenancy === 'Isolated' ? [`--tenancy=${JSON.stringify(allowed)}`] : []),
  ];
  supervised.start(
    programs('standalone', {
      ...{ kubeconfig, log: logs(log, 'info'), hasLease: false, flags },
      registry: recordingRegistry(asked),
    }),
  );
  const api = createApi({ kubeconfig, master: '', inCluster: false });
  try {
    return await time.through(
      time.as(user, async () => {
        const verbs = { tenant: kube(api, tenant), neighbour: kube(api, namespaceOf(secret)) };
        const seen = watched(verbs.tenant);
        await prepare(verbs.neighbour, secret);
        const counts = { accepted: 0, refused: 0 };
        let [started, neighbour]: [number, Promise<number | undefined> | undefined] = [0, undefined];
        const edit = async (): Promise<number | undefined> => {
          started = Date.now();
          const more = `registry.example/${secret}/next:1`;
          await verbs.neighbour.patch('ImageCache', `cache-${secret}`, {
            spec: specOf([...imagesOf(secret), more]),
          });
          return (await isServed(verbs.neighbour, secret, 2)) ? Date.now() - started : undefined;
        };
        for (const [at, step] of steps.entries()) {
          if (at === Math.floor(steps.length / 2)) neighbour = edit();
          await pause(step.after);
          if (isIdle) continue;
          counts[(await carryOut(step, verbs.tenant)) ? 'accepted' : 'refused'] += 1;
          await seen.look();
        }
        neighbour ??= edit();
        // Two ticks, so that all that was requested is carried out.
        for (let tick = 0; tick < 2; tick += 1) {
          for (let turn = 0; turn < 30; turn += 1) {
            await pause(2_000);
            await seen.look();
          }
          await tickTo('standalone', log);
        }
        const ms = await neighbour;
        await listNodes(verbs.neighbour, secret);
        while (record.onNodes.size < nodes.length) await pause(200);
        await seen.look();
        return { secret, asked, ...record, ...seen.result(), neighbour: ms, ...counts };
      }),
    );
  } finally {
    api.close();
  }
}

const ours: readonly string[] = Object.values(ourImages);

/** What removals were to remove, what of others they did remove, and what nodes have in the end. */
type Record = {
  readonly removed: string[];
  readonly lost: string[];
  readonly onNodes: Map<string, ReadonlySet<string>>;
};

/** Runs removals and the Pods that list images: nodes report only fifty images. */
const recording =
  (record: Record, isOfOthers: (image: string) => boolean): Program =>
  (container, node) => {
    const args = z.catch(z.array(z.string()), []).parse(container['args']);
    const names = (): ReadonlySet<string> => new Set(node.images().map(({ name }) => name));
    if (args[0] === listImages) {
      record.onNodes.set(args[1] ?? '', names());
      return { exitCode: 0, message: '' };
    }
    record.removed.push(...args.flatMap((arg) => (arg.startsWith('--remove=') ? [arg.slice('--remove='.length)] : [])));
    const before = names();
    const end = simulateRemoval(container, node);
    const after = names();
    record.lost.push(...[...before].filter((image) => isOfOthers(image) && !after.has(image)));
    return end;
  };

const listImages = 'list-images';

/** Has each node list its images. */
async function listNodes(neighbour: Kube, secret: string): Promise<void> {
  for (const node of nodes) {
    const containers = [{ name: 'main', image: known.platform[0], args: [listImages, node] }];
    await neighbour.create('Pod', `list-${secret}-${node}`, {
      spec: { nodeName: node, restartPolicy: 'Never', containers },
    });
  }
}

/** A registry that knows every image, and keeps what it is asked for on behalf of the tenant. */
function recordingRegistry(asked: string[]): Registry {
  const note = (reference: string, namespace = ''): void => {
    if (namespace === tenant) asked.push(reference);
  };
  return {
    digest: (reference, _keyring, namespace) => {
      note(reference, namespace);
      return Promise.resolve({ type: 'unknown', reason: 'it does not say' });
    },
    anonymousPull: (reference, namespace) => {
      note(reference, namespace);
      return Promise.resolve(undefined);
    },
    close: () => undefined,
  };
}

const imagesOf = (secret: string): readonly string[] => [
  ...known.neighbour,
  ...known.shared,
  `registry.example/${secret}/private:1`,
];
const specOf = (images: readonly string[]): object => ({ cacheSpec: [{ images, nodeSelector: { pool: 'hostile' } }] });

/** Nodes, the neighbour's cache and Pod, and a Pod of the platform on each node. */
async function prepare(neighbour: Kube, secret: string): Promise<void> {
  await neighbour.create('Namespace', tenant);
  await neighbour.create('Namespace', namespaceOf(secret));
  for (const node of nodes) {
    await registerSimulatedNode(neighbour, node, { labels: { pool: 'hostile' }, taints: [] });
    while (!isNodeReady(await neighbour.get('Node', node))) await pause(200);
    await neighbour.create('Pod', `pod-${secret}-${node}`, {
      metadata: { labels: { app: 'web' } },
      spec: { nodeName: node, containers: [{ name: 'agent', image: known.platform[0] }] },
    });
  }
  await neighbour.create('ImageCache', `cache-${secret}`, { spec: specOf(imagesOf(secret)) });
  if (!(await isServed(neighbour, secret, 1))) throw new Error('the neighbour alone is not served');
}

const Cache = z.object({
  metadata: z.object({ generation: z.number() }),
  status: z.optional(z.object({ observedGeneration: z.optional(z.number()), nodesReady: z.optional(z.string()) })),
});

/** Waits ten minutes for it. */
async function isServed(neighbour: Kube, secret: string, generation: number): Promise<boolean> {
  for (let turn = 0; turn < 6_000; turn += 1) {
    const { status } = Cache.parse(await neighbour.get('ImageCache', `cache-${secret}`));
    const isCurrent = status?.observedGeneration === generation;
    if (isCurrent && status.nodesReady === `${nodes.length}/${nodes.length}`) return true;
    await pause(100);
  }
  return false;
}

/** Whether the API server accepts a step. */
async function carryOut(step: Step, verbs: Kube): Promise<boolean> {
  try {
    if (step.type === 'apply') await verbs.apply('ImageCache', step.cache, { spec: step.spec });
    else if (step.type === 'annotate')
      await verbs.patch('ImageCache', step.cache, { metadata: { annotations: step.annotations } });
    else await verbs.remove('ImageCache', step.cache);
    return true;
  } catch (error) {
    if (error instanceof ApiError && [404, 409, 422, 400].includes(error.status)) return false;
    throw error;
  }
}

const Job = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    template: z.object({
      spec: z.object({
        containers: z.array(z.object({ image: z.string() })),
        volumes: z.optional(z.array(z.object({ image: z.optional(z.object({ reference: z.string() })) }))),
      }),
    }),
  }),
});

/** Looks again and again at what the tenant may read, and at what its Jobs name. */
function watched(verbs: Kube) {
  const readable = new Set<string>();
  const named = new Set<string>();
  const jobs = new Set<string>();
  return {
    look: async (): Promise<void> => {
      for (const kind of ['ImageCache', 'Event', 'Job', 'Pod'] as const)
        for (const object of await verbs.list(kind)) {
          readable.add(JSON.stringify(object));
          if (kind !== 'Job') continue;
          const { metadata, spec } = Job.parse(object);
          const { containers, volumes = [] } = spec.template.spec;
          const mounted = volumes.map(({ image }) => image?.reference ?? '');
          const references = [...containers.map(({ image }) => image), ...mounted];
          jobs.add(metadata.name);
          for (const image of references) if (image !== '' && !ours.includes(image)) named.add(image);
        }
    },
    result: () => ({ named: [...named], readable, jobs: jobs.size }),
  };
}
