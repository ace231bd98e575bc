import type { SeededRandom } from '../chaos/seeded-random.ts';
import type { Action, History, Settings, Spec, Step, Trigger, Zone } from './history.ts';
import { zones } from './history.ts';
import type { Traits } from './stage.ts';

/** Images that caches list; `slow`, `missing` and `denied` behave so. */
export const cachedImages = ['a', 'b', 'c', 'missing-d', 'denied-e', 'slow-f'] as const;

/** An image that only Pods of users run. */
export const foreignImage = 'own-g';

type Draw = {
  readonly chance: SeededRandom;
  readonly traits: Traits;
  readonly caches: readonly [string, ...string[]];
  readonly nodes: readonly [string, ...string[]];
  /** The latest spec of each cache. */
  readonly specs: Map<string, Spec>;
};

/** A random history of users and nodes, with what the cluster can do. */
export function drawHistory(seed: number, chance: SeededRandom, traits: Traits): History {
  const all = ['n1', 'n2', 'n3'].slice(0, Math.min(3, traits.nodes));
  const nodes = all.slice(0, Math.max(1, chance.between(1, all.length)));
  const names = ['web', 'api', 'job'].slice(0, chance.between(1, 3));
  const [node = 'n1', ...otherNodes] = all;
  const [cache = 'web', ...otherCaches] = names;
  const draw: Draw = {
    chance,
    traits,
    caches: [cache, ...otherCaches],
    nodes: [node, ...otherNodes],
    specs: new Map(),
  };
  const first = names.map((name): Step => ({ ...created(draw, name), after: waitOf(draw) }));
  const length = chance.between(3, traits.mostSteps);
  const steps: Step[] = [];
  while (steps.length < length) steps.push(...passageOf(draw));
  const settings = settingsOf(draw);
  const placed = nodes.map((name) => ({ name, zone: zoneOf(draw) }));
  return { seed, settings: { ...settings, ...limitsOf(draw) }, nodes: placed, steps: [...first, ...steps] };
}

/** Mostly one step; else steps that belong together, which would hardly be drawn one by one. */
function passageOf(draw: Draw): readonly Step[] {
  const { chance } = draw;
  if (chance.is(0.08)) return toAndFro(draw);
  if (chance.is(0.1)) return unseen(draw);
  if (chance.is(0.1)) return aside(draw);
  return [{ ...actionOf(draw), after: waitOf(draw) }];
}

/** A node that changes its zone several times. */
function toAndFro(draw: Draw): readonly Step[] {
  const { chance } = draw;
  const [node, first] = [nodeOf(draw), chance.between(0, 1)];
  return Array.from({ length: chance.between(3, 4) }, (_, turn): Step => {
    const zone = zones[(first + turn) % 2] ?? 'a';
    return { type: 'label', node, zone, after: chance.is(0.6) ? 'settled' : waitOf(draw) };
  });
}

/** What happens while the product is away, so that it sees all of it at once. */
function unseen(draw: Draw): readonly Step[] {
  const { chance } = draw;
  const actions = Array.from({ length: chance.between(2, 4) }, (): Action => {
    if (chance.is(0.4)) return { type: 'label', node: nodeOf(draw), zone: zoneOf(draw) };
    return chance.is(0.5) ? adjusted(draw, cacheOf(draw)) : actionOf(draw);
  });
  const away: Step = { type: 'outage', is: true, after: waitOf(draw) };
  return [
    away,
    ...[...actions, { type: 'outage', is: false } as const].map((action): Step => ({ ...action, after: 0 })),
  ];
}

/** A node that cannot be served for a time, in which its cache is asked for something and its labels change. */
function aside(draw: Draw): readonly Step[] {
  const { chance, traits } = draw;
  const [node, cache] = [nodeOf(draw), cacheOf(draw)];
  const type = chance.pick(
    traits.hasSimulatedNodes ? (['not ready', 'opt out', 'taint'] as const) : (['opt out'] as const),
  );
  const request = chance.pick<Action>([
    edited(draw, cache),
    { type: 'refresh', cache, by: by(draw) },
    { type: 'purge', cache, by: by(draw) },
  ]);
  const during: readonly Action[] = [request, { type: 'label', node, zone: zoneOf(draw) }];
  const steps = [
    { type, node, is: true },
    ...(chance.is(0.7) ? during : during.toReversed()),
    { type, node, is: false },
  ];
  return steps.map((action): Step => ({ ...action, after: chance.is(0.6) ? 'settled' : waitOf(draw) }));
}

const settingsOf = ({ chance }: Draw): Settings => ({
  ...(chance.is(0.15) ? { pullDeadlineSeconds: chance.pick([3, 20]) } : {}),
  ...(chance.is(0.15) ? { unschedulable: 'Skip' } : {}),
  ...(chance.is(0.15) ? { jobRetentionPolicy: 'Retain' } : {}),
});

/** What the registry limits: budgets of more than one node needs, and throttling that ends. */
const limitsOf = ({ chance, traits }: Draw): Settings => ({
  ...(traits.hasVirtualTime && chance.is(0.2) ? { pullsPerHour: chance.pick([8, 16]) } : {}),
  ...(traits.hasVirtualTime && chance.is(0.15) ? { throttledMinutes: chance.pick([1, 20]) } : {}),
});

const zoneOf = ({ chance }: Draw): Zone => chance.pick(zones);

function waitOf({ chance }: Draw): Step['after'] {
  if (chance.is(0.35)) return 'settled';
  return chance.is(0.4) ? 0 : chance.between(1, 80) * 100;
}

const created = (draw: Draw, cache: string): Action => ({ type: 'create', cache, spec: specOf(draw, cache) });
const edited = (draw: Draw, cache: string): Action => ({ type: 'edit', cache, spec: specOf(draw, cache) });

/** An edit that leaves the lists as they are. */
function adjusted(draw: Draw, cache: string): Action {
  const { imagePullPolicy, ...rest } = draw.specs.get(cache) ?? specOf(draw, cache);
  const other = imagePullPolicy === 'Always' ? 'IfNotPresent' : 'Always';
  const spec = { ...rest, imagePullPolicy: draw.chance.is(0.7) ? other : (imagePullPolicy ?? 'IfNotPresent') };
  const given = draw.chance.is(0.3) ? { ...spec, maxConcurrentNodes: 1 } : spec;
  draw.specs.set(cache, given);
  return { type: 'edit', cache, spec: given };
}

function specOf(draw: Draw, cache: string): Spec {
  const spec = drawnSpec(draw);
  draw.specs.set(cache, spec);
  return spec;
}

function drawnSpec({ chance, traits }: Draw): Spec {
  const images = cachedImages.filter((name) => traits.hasSlowImages || !name.startsWith('slow'));
  const list = (): Spec['lists'][number] => {
    const some = images.filter((name) => chance.is(/^[abc]$/.test(name) ? 0.5 : 0.15));
    const zone = chance.is(0.5) ? { zone: chance.pick(zones) } : {};
    return { images: some.length === 0 ? [chance.pick(['a', 'b', 'c'])] : some, ...zone };
  };
  return {
    lists: chance.is(0.25) ? [list(), list()] : [list()],
    ...(chance.is(0.3) ? { deletionPolicy: 'Purge' } : {}),
    ...(chance.is(0.25) ? { unschedulable: chance.pick(['Pull', 'Skip']) } : {}),
    ...(chance.is(0.2) ? { jobRetentionPolicy: chance.pick(['Delete', 'Retain']) } : {}),
    ...(chance.is(0.2) ? { maxConcurrentNodes: 1 } : {}),
    ...(chance.is(0.15) ? { pullDeadlineSeconds: chance.pick([1, 5, 30]) } : {}),
    ...(chance.is(0.25) ? { imagePullPolicy: 'Always' } : {}),
    ...(chance.is(0.3) ? { isIntolerant: true } : {}),
    ...(chance.is(0.2) ? { rollout: rolloutOf(chance) } : {}),
  };
}

const rolloutOf = (chance: SeededRandom): NonNullable<Spec['rollout']> => ({
  canaryNodes: chance.pick([1, 2]),
  maxFailedNodes: chance.pick([0, 1, '100%']),
});

type Kind = { readonly weight: number; readonly action: (draw: Draw) => Action };

const triggers = ['annotation', 'token'] as const;
const by = ({ chance }: Draw): Trigger => chance.pick(triggers);
const cacheOf = ({ chance, caches }: Draw): string => chance.pick(caches);
const nodeOf = ({ chance, nodes }: Draw): string => chance.pick(nodes);
const imageOf = ({ chance }: Draw): string => chance.pick(['a', 'b', 'c']);
const isOn = ({ chance }: Draw): boolean => chance.is(0.6);

const always: readonly Kind[] = [
  { weight: 4, action: (draw) => edited(draw, cacheOf(draw)) },
  { weight: 2, action: (draw) => adjusted(draw, cacheOf(draw)) },
  { weight: 4, action: (draw) => ({ type: 'refresh', cache: cacheOf(draw), by: by(draw) }) },
  { weight: 3, action: (draw) => ({ type: 'purge', cache: cacheOf(draw), by: by(draw) }) },
  { weight: 1, action: (draw) => ({ type: 'purge and refresh', cache: cacheOf(draw), by: by(draw) }) },
  { weight: 2, action: (draw) => ({ type: 'delete', cache: cacheOf(draw) }) },
  { weight: 2, action: (draw) => created(draw, cacheOf(draw)) },
  { weight: 2, action: (draw) => ({ type: 'suspend', cache: cacheOf(draw), is: isOn(draw) }) },
  { weight: 6, action: (draw) => ({ type: 'label', node: nodeOf(draw), zone: zoneOf(draw) }) },
  { weight: 3, action: (draw) => ({ type: 'cordon', node: nodeOf(draw), is: isOn(draw) }) },
  { weight: 2, action: (draw) => ({ type: 'opt out', node: nodeOf(draw), is: isOn(draw) }) },
  { weight: 3, action: (draw) => ({ type: 'taint', node: nodeOf(draw), is: isOn(draw) }) },
  { weight: 1, action: () => ({ type: 'lose jobs' }) },
  { weight: 2, action: (draw) => ({ type: 'quota', is: isOn(draw) }) },
];

const ofSimulatedNodes: readonly Kind[] = [
  { weight: 2, action: (draw) => ({ type: 'join', node: nodeOf(draw), zone: zoneOf(draw) }) },
  { weight: 1, action: (draw) => ({ type: 'leave', node: nodeOf(draw) }) },
  { weight: 3, action: (draw) => ({ type: 'pressure', node: nodeOf(draw), is: isOn(draw) }) },
  { weight: 3, action: (draw) => ({ type: 'not ready', node: nodeOf(draw), is: isOn(draw) }) },
];

/** Not of nodes that only record what Pods did. */
const ofImageStores: readonly Kind[] = [
  { weight: 2, action: (draw) => ({ type: 'use', pod: podOf(draw), node: nodeOf(draw), image: usedImage(draw) }) },
  { weight: 1, action: (draw) => ({ type: 'release', pod: podOf(draw) }) },
  { weight: 2, action: (draw) => ({ type: 'take away', node: nodeOf(draw), image: imageOf(draw) }) },
];

const podOf = ({ chance }: Draw): string => chance.pick(['p1', 'p2']);
const usedImage = (draw: Draw): string => (draw.chance.is(0.4) ? foreignImage : imageOf(draw));

function actionOf(draw: Draw): Action {
  const { chance, traits } = draw;
  const kinds = [
    ...always,
    ...(traits.hasSimulatedNodes ? ofSimulatedNodes : []),
    ...(traits.hasImageStores ? ofImageStores : []),
  ];
  const drawn = chance.between(
    1,
    kinds.reduce((sum, { weight }) => sum + weight, 0),
  );
  let left = drawn;
  for (const { weight, action } of kinds) {
    left -= weight;
    if (left <= 0) return action(draw);
  }
  throw new Error('no kind of action was drawn');
}
