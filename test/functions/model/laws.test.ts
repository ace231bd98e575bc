import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { isRoundOpen, type Spec } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import { isEmpty } from '#model/plan.ts';
import { list, modernNode, node } from './builders.ts';
import type { Fates, ImageFate } from './simulated-pod.ts';
import { simulatedWorld, type Prepared, type SimulatedWorld } from './simulated-world.ts';
import { repetitions } from '../../support/repetitions.ts';

vi.setConfig({ testTimeout: 60_000 }); // thousands of decisions, on a machine that may be loaded

const names = ['node-1', 'node-2', 'node-3'] as const;
const images = ['app:1', 'base:2', 'tool:3', 'extra:4'];

const specs: readonly Partial<Spec>[] = [
  { lists: [list(['app:1', 'base:2'])] },
  {
    lists: [list(['tool:3', 'app:1', 'base:2']), list(['extra:4'], { nodeSelector: { pool: 'a' } })],
    maxConcurrentNodes: 1,
  },
  { lists: [list(images, { nodeSelector: { pool: 'a' } }), list(['base:2'])], pullsPerNode: 2 },
  { lists: [list(images, { nodeSelector: { pool: 'none' } })] },
  { lists: [list(images)], jobRetentionPolicy: 'Delete', maxConcurrentNodes: 2 },
  { lists: [list(images)], imagePullSecrets: ['hub'], pullsPerNode: 2 },
];
const suspended: Partial<Spec> = { ...specs[0], suspend: true };

const machine = (name: string, of: Partial<Node> = {}): Node => {
  const make = name === 'node-2' ? modernNode : node;
  return make({ name, labels: name === 'node-3' ? {} : { pool: 'a' }, ...of, id: `${of.id ?? 'id'}-of-${name}` });
};

const calm: Fates = { images: {}, evictions: 0, refusesMounts: false };
const fateOf = (...fates: readonly ImageFate[]): fc.Arbitrary<Fates['images']> =>
  fc.record(Object.fromEntries(images.map((image) => [image, fc.constantFrom<ImageFate>('comes', ...fates)])));

/** Trouble of one kind at a time: three kinds on one node are three attempts, and that is the end of it. */
const anyFates: fc.Arbitrary<Fates> = fc.oneof(
  fateOf('missing', 'throttled', 'denied').map((of) => ({ ...calm, images: of })),
  fateOf('missing', 'denied').map((of) => ({ ...calm, images: of, evictions: 1 })),
  fateOf('missing').map((of) => ({ ...calm, images: of, refusesMounts: true })),
);

type Act =
  | { readonly type: 'work'; readonly which: number; readonly stages: number }
  | { readonly type: 'takeAway'; readonly which: number }
  | { readonly type: 'look' | 'turn'; readonly at: 'everything' | (typeof names)[number] }
  | { readonly type: 'act'; readonly which: number; readonly writes: number }
  | { readonly type: 'edit'; readonly spec: Partial<Spec> }
  | { readonly type: 'node'; readonly name: (typeof names)[number]; readonly node: Node | undefined }
  | { readonly type: 'wait' };

const which = fc.nat({ max: 5 });
const name = fc.constantFrom(...names);
const at = fc.oneof(fc.constant('everything' as const), name);
const looks = fc.record({ type: fc.constant('look'), at });
const turns = fc.record({ type: fc.constant('turn'), at });
const acts = fc.record({ type: fc.constant('act'), which, writes: fc.oneof(fc.constant(100), fc.nat({ max: 4 })) });
const works = fc.record({ type: fc.constant('work'), which, stages: fc.constantFrom(1, 2) });
const waits = fc.constant<Act>({ type: 'wait' });
const edits = fc.record({ type: fc.constant('edit'), spec: fc.constantFrom(suspended, ...specs) });
const nodeStates: readonly (Partial<Node> | undefined)[] = [
  {},
  undefined,
  { isReady: false },
  { isUnschedulable: true },
  { hasDiskPressure: true },
  { id: 'renewed' },
  { labels: { pool: 'b' } },
];
const nodeChanges = fc
  .record({ name, of: fc.constantFrom(...nodeStates) })
  .map(({ name: changed, of }) => ({ type: 'node' as const, name: changed, node: of && machine(changed, of) }));

const disturbances = (...more: readonly fc.Arbitrary<Act>[]): fc.Arbitrary<readonly Act[]> =>
  fc.array(
    fc.oneof<fc.Arbitrary<Act>[]>(turns, turns, turns, works, works, works, looks, acts, waits, ...more, ...more),
    { maxLength: 40, size: 'max' },
  );

/** Functions look and write whenever they please, die in between, look at old news; Jobs come further; users and nodes do what they do. */
function disturb(world: SimulatedWorld, all: readonly Act[]): void {
  const prepared: Prepared[] = [];
  let mayTakeAway = true;
  for (const act of all) {
    const job = 'which' in act ? world.jobs()[act.which % Math.max(1, world.jobs().length)] : undefined;
    if (act.type === 'look') prepared.push(look(world, act.at));
    if (act.type === 'turn') world.carryOut(look(world, act.at));
    if (act.type === 'work' && job !== undefined) for (let n = 0; n < act.stages; n += 1) world.work(job.name);
    if (act.type === 'edit') world.edit(act.spec);
    if (act.type === 'node') world.setNode(act.name, act.node);
    if (act.type === 'wait') world.wait(1000);
    if (act.type === 'takeAway' && job !== undefined && mayTakeAway) {
      world.takeAway(job.name);
      mayTakeAway = false;
    }
    if (act.type === 'act') {
      const [next] = prepared.splice(act.which % Math.max(1, prepared.length), 1);
      if (next !== undefined) world.carryOut(next, act.writes);
    }
  }
}

const look = (world: SimulatedWorld, at: 'everything' | (typeof names)[number]): Prepared =>
  world.look(at === 'everything' ? at : { node: at });

/** Whether a node tried an image that does not exist, or trusted others, depends on the order of events: both count as failed. */
const failedOf = (letters: string): string =>
  letters
    .replaceAll('a', 'f')
    .replaceAll('A', 'F')
    .replace(/(.)\1+$/, '$1');

/** All that a user can see of the end, and that no order of events may change. */
function endOf(world: SimulatedWorld) {
  const { status } = world.live();
  return {
    nodes: Object.entries(status.nodes).map(([each, { state, reason, images, noop }]) => [
      ...[each, state, reason],
      ...[failedOf(images), noop],
    ]),
    anonymousPulls: Object.entries(status.anonymousPulls).toSorted(),
    failures: Object.entries(status.failures).map(([image, told]) => [
      image,
      told.map(({ node: on }) => on).toSorted(),
    ]),
    reasons: new Set(
      Object.values(status.failures).flatMap((told) => told.map(({ reason, message }) => reason + message)),
    ),
  };
}

const wordsOf = (world: SimulatedWorld) => {
  const { status, message, conditions } = world.live().status;
  return { status, message, conditions: conditions.map(({ type, status: is, reason }) => [type, is, reason]) };
};

const allNodes = names.map((each) => machine(each));
const undisturbed = (spec: Partial<Spec>, fates: Fates, nodes: readonly Node[] = allNodes): SimulatedWorld => {
  const world = simulatedWorld({ spec, fates, nodes, settings: { imagesPerJob: 3 } });
  world.settle();
  return world;
};
const begun = (spec: Partial<Spec>, fates: Fates): SimulatedWorld =>
  simulatedWorld({ spec, fates, nodes: allNodes, settings: { imagesPerJob: 3 } });

const anySpec = fc.constantFrom(...specs);

describe('whatever the order of events', () => {
  it('a round comes to the same end, though looks are lost, doubled, late or cut short after any write', () => {
    const takes = fc.record({ type: fc.constant('takeAway'), which });
    fc.assert(
      fc.property(anySpec, anyFates, disturbances(takes), (spec, fates, all) => {
        const world = begun(spec, fates);
        const isTrouble = fates.evictions > 0 || fates.refusesMounts;
        disturb(world, isTrouble ? all.filter(({ type }) => type !== 'takeAway') : all);
        world.settle();
        const calmWorld = undisturbed(spec, fates);
        expect(endOf(world)).toEqual(endOf(calmWorld));
        expect(wordsOf(world)).toEqual(wordsOf(calmWorld));
      }),
      { numRuns: repetitions(12, 120) },
    );
  });

  it('the last edit wins, and nothing of the rounds before is left in it', () => {
    fc.assert(
      fc.property(anySpec, anySpec, anyFates, disturbances(edits), (first, last, fates, all) => {
        const world = begun(first, fates);
        disturb(world, all);
        world.edit(last);
        world.settle();
        const calmWorld = undisturbed(last, fates);
        expect(endOf(world)).toEqual(endOf(calmWorld));
        expect(wordsOf(world)).toEqual(wordsOf(calmWorld));
      }),
      { numRuns: repetitions(12, 120) },
    );
  });

  it('every node that can be served in the end has been', () => {
    fc.assert(
      fc.property(anySpec, fateOf('missing', 'throttled'), disturbances(nodeChanges), (spec, of, all) => {
        const fates = { ...calm, images: of };
        const world = begun(spec, fates);
        disturb(world, all);
        const nodes = names.flatMap((each) => {
          const last = all.findLast((act) => act.type === 'node' && act.name === each);
          const now = last?.type === 'node' ? last.node : machine(each);
          return now === undefined ? [] : [{ ...now, isReady: true, isUnschedulable: false, hasDiskPressure: false }];
        });
        for (const each of nodes) world.setNode(each.name, each);
        world.settle();
        expect(endOf(world)).toEqual(endOf(undisturbed(spec, fates, nodes)));
      }),
      { numRuns: repetitions(12, 120) },
    );
  });

  it('a rollout leaves no node waiting, and holds nodes only while others have failed', () => {
    const rollouts = fc.record({
      canaryNodes: fc.constantFrom(1, 2, '50%'),
      growth: fc.constantFrom(1, 2),
      topologyKey: fc.constantFrom('', 'pool'),
      maxFailedNodes: fc.constantFrom(0, 1, '100%'),
      pauseSeconds: fc.constantFrom(0, 60),
    });
    const changes = disturbances(nodeChanges, edits);
    fc.assert(
      fc.property(rollouts, anySpec, anyFates, changes, (rollout, spec, fates, all) => {
        const world = begun({ ...spec, rollout }, fates);
        const slow = (act: Act): Act => (act.type === 'edit' ? { ...act, spec: { ...act.spec, rollout } } : act);
        disturb(world, all.map(slow));
        world.edit({ ...spec, rollout });
        for (let turn = 0; turn < 5; turn += 1) {
          world.settle();
          world.wait(60_000);
        }
        const entries = Object.values(world.live().status.nodes);
        expect(entries.filter(isUnsettled)).toEqual([]);
        for (const { desiredHash } of entries.filter(({ state }) => state === 'Held'))
          expect(entries.some((entry) => entry.state === 'Failed' && entry.desiredHash === desiredHash)).toBe(true);
        expect(isRoundOpen(world.live().status)).toBe(false);
      }),
      { numRuns: repetitions(12, 120) },
    );
  });

  it('an image that hangs takes no other with it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...specs.slice(0, 3)),
        fc.constantFrom(...images),
        disturbances(),
        (spec, hung, all) => {
          const world = begun(spec, { ...calm, images: { [hung]: 'hangs' } });
          disturb(world, all);
          world.settle();
          expect(Object.keys(world.live().status.failures).filter((image) => image !== hung)).toEqual([]);
        },
      ),
      { numRuns: repetitions(9, 60) },
    );
  });
});

describe('a node', () => {
  it('has at most three attempts in a round, whatever becomes of its Jobs', () => {
    const fates: Fates = { images: { 'app:1': 'missing', 'base:2': 'throttled' }, evictions: 9, refusesMounts: false };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), disturbances(), (evictions, all) => {
        const world = begun(specs[0] ?? {}, { ...fates, evictions });
        disturb(world, all);
        world.settle();
        const attempts = Object.values(world.live().status.nodes).map(({ attempt }) => attempt);
        expect(Math.max(...attempts)).toBeLessThanOrEqual(3);
        expect(world.jobs()).toEqual([]);
      }),
      { numRuns: repetitions(9, 60) },
    );
  });
});

describe('a process that dies after any write of a round', () => {
  const fates: Fates = { images: { 'tool:3': 'missing' }, evictions: 1, refusesMounts: false };
  it.each([...specs.keys()])('leaves what others go on from: spec %i', (index) => {
    const spec = specs[index] ?? {};
    const end = endOf(undisturbed(spec, fates));
    let left = -1;
    // A death after the last of these writes would be the same run once more.
    for (let dies = 0; dies < 40 && left < 0; dies += 1) {
      const world = begun(spec, fates);
      left = dies;
      for (let turn = 0; turn < 12 && left >= 0; turn += 1) {
        const prepared = world.look('everything');
        world.carryOut(prepared, left);
        left -=
          prepared.plan.createJobs.length +
          prepared.plan.deleteJobs.length +
          (prepared.plan.status === undefined ? 0 : 1);
        for (const { name: job } of world.jobs()) world.work(job);
      }
      world.settle();
      expect(endOf(world)).toEqual(end);
    }
  });
});

describe('a cache', () => {
  it('that is suspended gets no Job, and those that it had go', () => {
    fc.assert(
      fc.property(anySpec, anyFates, disturbances(), (spec, fates, all) => {
        const world = begun(spec, fates);
        disturb(world, all);
        world.edit({ ...spec, suspend: true });
        world.settle();
        expect(world.jobs()).toEqual([]);
        expect(isEmpty(world.look('everything').plan)).toBe(true);
        expect(world.live().status.status).not.toBe('Processing');
      }),
      { numRuns: 40 },
    );
  });
});
