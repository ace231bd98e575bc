import { simulatedImage } from '../behaviour/simulated-cluster.ts';
import { seededRandom, type SeededRandom } from './seeded-random.ts';

/** Actions of users and machines; faults are not among them. */
export type Action =
  | { readonly type: 'create' | 'edit'; readonly cache: string; readonly spec: CacheSpec }
  | { readonly type: 'refresh'; readonly cache: string; readonly by: 'annotation' | 'token' | 'last token' }
  | { readonly type: 'purge'; readonly cache: string; readonly by: 'annotation' | 'token'; readonly when: Moment }
  | { readonly type: 'delete'; readonly cache: string; readonly when: Moment }
  | { readonly type: 'join'; readonly node: string; readonly zone: Zone }
  | { readonly type: 'label'; readonly node: string; readonly zone: Zone }
  | { readonly type: 'leave'; readonly node: string }
  | { readonly type: 'deploy'; readonly workload: string; readonly of: Workload }
  | { readonly type: 'undeploy'; readonly workload: string };

/** What a workload is and runs; users change all of it. */
export type Workload = {
  readonly app: App;
  readonly replicas: number;
  readonly images: readonly string[];
  readonly nodeLabels: Readonly<Record<string, string>>;
};
type App = 'a' | 'b';

export type CacheSpec = {
  readonly cacheSpec: readonly ImageList[];
  readonly deletionPolicy: 'Retain' | 'Purge';
  readonly maxConcurrentNodes?: number;
  readonly rollout?: { readonly canaryNodes: number; readonly growth: number };
};
type ImageList = {
  readonly images?: readonly string[];
  readonly nodeSelector: object;
  readonly imagesFrom?: {
    readonly kinds: readonly ['Rollout'];
    readonly selector: { readonly matchLabels: { readonly app: App } };
    readonly nodes: 'Selected' | 'AsPods';
    readonly keepSeconds: number;
  };
};
type Zone = 'a' | 'b';

/** Waits until the cache was observed, or until none of its images are being pulled. */
type Moment = 'seen' | 'settled';

/** An action, and the milliseconds since the previous one of the same actor. */
export type Step = { readonly after: number; readonly action: Action };

export type Scenario = {
  /** The actions of every actor in order; actors do not wait for each other. */
  readonly actors: readonly (readonly Step[])[];
  /** The actions after all actors have finished and the last node has joined. */
  readonly finalActions: readonly Action[];
  /** Whether reasons and conditions of caches must be equal: they are those of the last round, and a node that joins later starts none. */
  readonly hasCertainWords: boolean;
  /** Flags of the product. */
  readonly flags: readonly string[];
  /** The initial nodes. */
  readonly nodes: readonly { readonly name: string; readonly zone: Zone }[];
  /** Images that may be present or not: those of caches that are deleted without their images. */
  readonly uncertain: ReadonlySet<string>;
  /** The maximum number of rounds of a cache: one for each request. */
  readonly mostRounds: Readonly<Record<string, number>>;
};

const failingImages: readonly string[] = [simulatedImage('missing', 'd'), simulatedImage('denied', 'e')];
const quickImages = [
  simulatedImage('good', 'a'),
  simulatedImage('good', 'b'),
  'registry.example/moving:latest',
  ...failingImages,
] as const;
const slowImage = simulatedImage('slow', 'c');

/** Seeds from here on have many caches, which share nodes and images. */
export const firstCrowdedSeed = 100_001;

/** Seeds from here on have workloads, from which caches take images. */
export const firstWorkloadSeed = 200_001;

/** How many caches, nodes and workloads a scenario has, at least and at most, and the flags of the product. */
type Size = {
  readonly caches: readonly [number, number];
  readonly nodes: readonly [number, number];
  readonly workloads: readonly [number, number];
  readonly flags: readonly string[];
};

const usual: Size = { caches: [1, 3], nodes: [1, 3], workloads: [0, 0], flags: [] };
const deployed: Size = {
  ...usual,
  workloads: [2, 5],
  flags: ['--workload-kinds=Rollout=argoproj.io/v1alpha1/rollouts:spec.template', '--workload-round-interval=5s'],
};
const crowded: Size = {
  caches: [20, 20],
  nodes: [3, 5],
  workloads: [0, 0],
  // So few that caches wait for one another on each node.
  flags: ['--max-pods-per-node=4', '--max-namespace-pods-per-node=3'],
};

/** The scenario of a seed; names start with `prefix`. Its result never depends on which of two actions is observed first. */
export function scenarioOf(prefix: string, seed: number): Scenario {
  const chance = seededRandom(seed, 'scenario');
  const size = sizeOf(seed);
  const zone = (): Zone => chance.pick(['a', 'b']);
  const images = chance.is(0.5) ? quickImages : ([...quickImages, slowImage] as const);
  const nodes = Array.from({ length: chance.between(...size.nodes) }, (_, index) => ({
    name: `${prefix}-${index + 1}`,
    zone: zone(),
  }));
  const hasWorkloads = size.workloads[1] > 0;
  const stock = { prefix, chance, images, hasWorkloads };
  const caches = Array.from({ length: chance.between(...size.caches) }, (_, index) =>
    lifeOf(`cache-${index + 1}`, stock),
  );
  const workloads = Array.from({ length: hasWorkloads ? chance.between(...size.workloads) : 0 }, (_, index) =>
    workloadOf(`workload-${index + 1}`, stock),
  );
  const changes = workloads.flat().length;
  const names = [...nodes.map(({ name }) => name), `${prefix}-8`];
  const machines = names.map((name, index) => machineOf(name, index < nodes.length, { zone, chance }));
  const finalActions = chance.is(0.5) ? caches.flatMap(refreshedLast) : [];
  return {
    actors: [...caches, ...machines, ...workloads].filter((steps) => steps.length > 0),
    flags: size.flags,
    nodes,
    finalActions,
    hasCertainWords: !hasWorkloads && (finalActions.length > 0 || machines.every((steps) => steps.length === 0)),
    uncertain: new Set(caches.flatMap(leftBy)),
    mostRounds: Object.fromEntries(
      caches.map((steps) => [
        cacheOf(steps),
        // An image opens one round when it comes, and one when it goes.
        roundsOf(steps) + Math.min(1, finalActions.length) + 2 * changes,
      ]),
    ),
  };
}

function sizeOf(seed: number): Size {
  if (seed >= firstWorkloadSeed) return deployed;
  return seed >= firstCrowdedSeed ? crowded : usual;
}

const cacheOf = (steps: readonly Step[]): string =>
  steps.flatMap(({ action }) => ('cache' in action ? [action.cache] : []))[0] ?? '';

/** Caches that are neither deleted nor purged. */
function refreshedLast(steps: readonly Step[]): readonly Action[] {
  const end = steps.at(-1)?.action.type;
  return end === 'delete' || end === 'purge' ? [] : [{ type: 'refresh', cache: cacheOf(steps), by: 'last token' }];
}

type Stock = {
  readonly prefix: string;
  readonly chance: SeededRandom;
  readonly images: readonly [string, ...string[]];
  readonly hasWorkloads: boolean;
};

const ends = ['kept', 'kept', 'kept', 'purged', 'purged and refreshed', 'purged away'] as const;

function lifeOf(cache: string, stock: Stock): readonly Step[] {
  const { chance, images, hasWorkloads } = stock;
  // Which images of workloads a deleted cache leaves depends on when it is deleted.
  const end = hasWorkloads ? chance.pick(ends) : chance.pick([...ends, 'deleted'] as const);
  const deletionPolicy = end === 'purged away' || chance.is(0.2) ? 'Purge' : 'Retain';
  const spec = (): CacheSpec => specOf(end === 'deleted' ? 'Retain' : deletionPolicy, stock);
  const by = (): 'annotation' | 'token' => chance.pick(['annotation', 'token']);
  // During pulls only if their result may differ.
  const when = images.includes(slowImage) ? 'seen' : 'settled';
  const middle = Array.from({ length: chance.between(0, 3) }, (): Action =>
    // A refresh that is observed together with a purge is dropped: there is no refresh before a purge.
    chance.is(0.6) || end.startsWith('purged')
      ? { type: 'edit', cache, spec: spec() }
      : { type: 'refresh', cache, by: by() },
  );
  const last: Record<typeof end, readonly Action[]> = {
    kept: [],
    purged: [{ type: 'purge', cache, by: by(), when }],
    'purged and refreshed': [
      { type: 'purge', cache, by: by(), when },
      { type: 'refresh', cache, by: by() },
    ],
    'purged away': [{ type: 'delete', cache, when }],
    deleted: [{ type: 'delete', cache, when }],
  };
  const deeds: readonly Action[] = [{ type: 'create', cache, spec: spec() }, ...middle, ...last[end]];
  return deeds.map((action) => ({ after: chance.between(0, 15_000), action }));
}

function specOf(deletionPolicy: CacheSpec['deletionPolicy'], stock: Stock): CacheSpec {
  const { prefix, chance, images, hasWorkloads } = stock;
  const list = (): ImageList => {
    const some = images.filter(() => chance.is(0.35));
    const nodeSelector = { pool: prefix, ...(chance.is(0.4) ? { zone: chance.pick(['a', 'b']) } : {}) };
    const own = { images: some.length === 0 ? [chance.pick(images)] : some, nodeSelector };
    if (!hasWorkloads || chance.is(0.2)) return own;
    // Most lists have no images of their own then.
    return { ...(chance.is(0.7) ? { nodeSelector } : own), imagesFrom: fromWorkloads(chance) };
  };
  const cacheSpec = chance.is(0.25) ? [list(), list()] : [list()];
  const maxConcurrentNodes = chance.is(0.25) ? { maxConcurrentNodes: 1 } : {};
  // Which nodes a stopped rollout holds depends on which of them began, so that all pulls succeed in one.
  const isGood = cacheSpec.every(
    ({ images: own = [], imagesFrom }) =>
      imagesFrom === undefined && own.every((image) => !failingImages.includes(image)),
  );
  const rollout = chance.is(0.5) && isGood ? { rollout: { canaryNodes: 1, growth: 1 } } : {};
  return { cacheSpec, deletionPolicy, ...maxConcurrentNodes, ...rollout };
}

const fromWorkloads = (chance: SeededRandom): NonNullable<ImageList['imagesFrom']> => ({
  kinds: ['Rollout'],
  selector: { matchLabels: { app: chance.pick(['a', 'b']) } },
  nodes: chance.pick(['Selected', 'AsPods']),
  keepSeconds: chance.pick([0, 0, 20]),
});

/** A workload comes, gets other images, nodes and labels, is scaled to zero, and may go, and come back. */
function workloadOf(workload: string, { prefix, chance, images }: Stock): readonly Step[] {
  const after = (): number => chance.between(0, 25_000);
  const deploy = (): Step => {
    const of: Workload = {
      app: chance.pick(['a', 'a', 'b']),
      replicas: chance.pick([0, 1, 3]),
      images: chance.is(0.3) ? [chance.pick(images), chance.pick(images)] : [chance.pick(images)],
      nodeLabels: { pool: prefix, ...(chance.is(0.4) ? { zone: chance.pick(['a', 'b']) } : {}) },
    };
    return { after: after(), action: { type: 'deploy', workload, of } };
  };
  const changes = Array.from({ length: chance.between(1, 4) }, deploy);
  const undeploy: Step = { after: after(), action: { type: 'undeploy', workload } };
  return chance.pick([changes, changes, [...changes, undeploy], [...changes, undeploy, deploy()]]);
}

type Draws = { readonly zone: () => Zone; readonly chance: SeededRandom };

/** An existing machine may be deleted, replaced under its name, or relabelled; another may join. */
function machineOf(node: string, isThere: boolean, { zone, chance }: Draws): readonly Step[] {
  const after = (): number => chance.between(2_000, 25_000);
  const join = (): Step => ({ after: after(), action: { type: 'join', node, zone: zone() } });
  if (!isThere) return chance.is(0.5) ? [join()] : [];
  const fate = chance.pick(['stays', 'stays', 'stays', 'leaves', 'returns', 'moves'] as const);
  const leave: Step = { after: after(), action: { type: 'leave', node } };
  const moves: readonly Step[] = [{ after: after(), action: { type: 'label', node, zone: zone() } }];
  return { stays: [], leaves: [leave], returns: [leave, join()], moves }[fate];
}

/** The images that a cache may leave when it is deleted without them. */
function leftBy(steps: readonly Step[]): readonly string[] {
  const specs = steps.flatMap(({ action }) => ('spec' in action ? [action.spec] : []));
  const isDeleted = steps.some(({ action }) => action.type === 'delete');
  if (!isDeleted || specs.at(-1)?.deletionPolicy === 'Purge') return [];
  return specs.flatMap(imagesIn);
}

const imagesIn = ({ cacheSpec }: CacheSpec): readonly string[] => cacheSpec.flatMap(({ images = [] }) => images);

/** One for each request; a refresh that an edit may interrupt is repeated. */
const roundsOf = (steps: readonly Step[]): number =>
  steps
    .map(({ action: { type } }, index) => {
      const isCutOff = type === 'refresh' && steps[index + 1]?.action.type === 'edit';
      return isCutOff ? 2 : Number(['create', 'edit', 'refresh', 'purge'].includes(type));
    })
    .reduce((sum, rounds) => sum + rounds, 0);
