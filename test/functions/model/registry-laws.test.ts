import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { jobAnnotations } from '#model/cache/api.ts';
import type { Spec } from '#model/cache/image-cache.ts';
import type { RateLimit, OtherRegistryUse } from '#model/cache/registry-use.ts';
import type { Node } from '#model/node/node.ts';
import { isEmpty } from '#model/plan.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { repetitions } from '../../support/repetitions.ts';
import { list, modernNode, node, noon } from './builders.ts';
import { type Prepared, simulatedWorld } from './simulated-world.ts';

vi.setConfig({ testTimeout: 60_000 }); // thousands of decisions, on a machine that may be loaded

const minute = 60_000;
const limit = 6;
const mostPulls = 8;
const names = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'] as const;
const rollout = { canaryNodes: 1, growth: 2, topologyKey: '', maxFailedNodes: 0, pauseSeconds: 60 };
const specs: readonly Partial<Spec>[] = [
  { lists: [list(['app:1'])] },
  { lists: [list(['app:1', 'other.example/tool:3'])], maxConcurrentNodes: 2 },
  { lists: [list(['app:1', 'base:2', 'index.docker.io/extra:4', 'other.example/tool:3'])], pullsPerNode: 2 },
  { lists: [list(['app:1', 'base:2', 'a:1', 'b:1', 'c:1', 'd:1', 'e:1', 'f:1'])] },
  { lists: [list(['app:1', 'base:2'])], rollout },
  { lists: [list(['app:1', 'base:2'])], imagePullSecrets: ['hub'], pullsPerNode: 2 },
];
const machine = (name: string, of: Partial<Node> = {}): Node =>
  (name === 'node-2' ? modernNode : node)({ name, ...of, id: `${of.id ?? 'id'}-of-${name}` });

type Act =
  | { readonly type: 'plan'; readonly at: 'everything' | (typeof names)[number]; readonly writes: number }
  | { readonly type: 'answer'; readonly which: number; readonly isThrottled: boolean }
  | { readonly type: 'takeAway'; readonly which: number }
  | { readonly type: 'edit'; readonly spec: Partial<Spec> }
  | { readonly type: 'node'; readonly name: (typeof names)[number]; readonly of: Partial<Node> | undefined }
  | { readonly type: 'beside'; readonly use: 'none' | 'used' | 'waits' | 'rests' }
  | { readonly type: 'says'; readonly left: number | undefined; readonly minutes: number | undefined }
  | { readonly type: 'wait'; readonly minutes: number };

const which = fc.nat({ max: 5 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('plan' as const),
      at: fc.constantFrom('everything', ...names),
      writes: fc.constantFrom(100, 100, 100, 1, 2),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('answer' as const), which, isThrottled: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('wait' as const), minutes: fc.constantFrom(0.2, 1, 6, 30, 61) }),
  },
  fc.record({ type: fc.constant('takeAway' as const), which }),
  fc.record({ type: fc.constant('edit' as const), spec: fc.constantFrom({ ...specs[0], suspend: true }, ...specs) }),
  fc.record({
    type: fc.constant('node' as const),
    name: fc.constantFrom(...names),
    of: fc.constantFrom(undefined, {}, { isReady: false }, { id: 'renewed' }),
  }),
  fc.record({
    type: fc.constant('says' as const),
    left: fc.constantFrom(undefined, 0, 5, 12, 15, 100),
    minutes: fc.constantFrom(undefined, 0.1, 1, 40, 600),
  }),
  fc.record({ type: fc.constant('beside' as const), use: fc.constantFrom('none', 'used', 'waits', 'rests') }),
);

/** Images of docker.io that nodes are told to pull by the attempts that a plan begins. */
function pullsOf({ cache: { status: before }, plan: { status: after, createJobs } }: Prepared): number {
  const begins = (name: string): boolean => {
    const [last, next] = [before.nodes[name], after?.nodes[name]];
    const isSame = last?.state === 'Pulling' && last.attempt === next?.attempt && last.id === next.id;
    return next?.state === 'Pulling' && !(isSame && before.round?.number === after?.round?.number);
  };
  const started = createJobs.filter(({ metadata }) => begins(metadata.annotations?.[jobAnnotations.node] ?? ''));
  const pods = started.flatMap(({ spec }) => spec?.template.spec ?? []);
  const references = pods.flatMap(({ containers, volumes = [] }) =>
    containers.map(({ name, image = '' }) => volumes.find((volume) => volume.name === name)?.image?.reference ?? image),
  );
  return references.filter((reference) => registryOf(reference) === 'docker.io').length;
}

function history() {
  const throttledJobs = new Set<string>();
  let elapsed = 0;
  let beside: ReadonlyMap<string, OtherRegistryUse> = new Map();
  let said: RateLimit | undefined;
  const limits = () =>
    new Map([
      ['docker.io/library/app:1', { type: 'unknown', reason: 'it limits', ...(said && { limit: said }) } as const],
    ]);
  const on = simulatedWorld({
    spec: specs[1] ?? {},
    nodes: names.map((name) => machine(name)),
    fates: { images: {}, evictions: 0, refusesMounts: false, throttledJobs },
    settings: { registryBudgets: { 'docker.io': { pullsPerHour: limit } } },
    otherRegistryUse: () => beside,
    limits,
  });
  const pulls: { readonly at: number; readonly count: number }[] = [];
  /** No hour has more pulls than a namespace may have alone, or one node needs. */
  const carryOut = (prepared: Prepared, writes = Infinity): void => {
    pulls.push({ at: elapsed, count: pullsOf(prepared) });
    const recent = pulls.filter(({ at }) => at > elapsed - 60 * minute);
    expect(recent.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(mostPulls);
    on.carryOut(prepared, writes);
  };
  const turn = (): boolean => {
    const prepared = on.look('everything');
    if (isEmpty(prepared.plan)) return false;
    carryOut(prepared);
    return true;
  };
  const besideOf = (use: Extract<Act, { type: 'beside' }>['use']): ReadonlyMap<string, OtherRegistryUse> => {
    const until = noon + elapsed + 20 * minute;
    if (use === 'none') return new Map();
    const rest = use === 'rests' ? { restsUntil: until, restSeconds: 600, restsAlone: false } : undefined;
    const pulls = new Map(use === 'rests' ? [] : [['others', use === 'used' ? 3 : 0]]);
    return new Map([['docker.io', { pulls, pullsUntil: use === 'used' ? until : undefined, rest }]]);
  };
  const wait = (minutes: number): void => {
    elapsed += minutes * minute;
    on.wait(minutes * minute);
  };
  const perform = (given: Act): void => {
    const job = 'which' in given ? on.jobs()[given.which % Math.max(1, on.jobs().length)]?.name : undefined;
    if (given.type === 'plan')
      carryOut(on.look(given.at === 'everything' ? given.at : { node: given.at }), given.writes);
    if (given.type === 'answer' && job !== undefined) {
      if (given.isThrottled) throttledJobs.add(job);
      while (on.work(job));
    }
    if (given.type === 'takeAway' && job !== undefined) on.takeAway(job);
    if (given.type === 'edit') on.edit(given.spec);
    if (given.type === 'node') on.setNode(given.name, given.of && machine(given.name, given.of));
    if (given.type === 'says') said = limitOf(given);
    if (given.type === 'beside') beside = besideOf(given.use);
    if (given.type === 'wait') wait(given.minutes);
  };
  const limitOf = ({ left, minutes }: Extract<Act, { type: 'says' }>): RateLimit | undefined =>
    left === undefined ? undefined : { left, ms: minutes && minutes * minute, hasLogin: false };
  /** Ticks, until the round has ended and all is forgotten. Returns the minutes of the first. */
  const calm = (): number => {
    beside = new Map();
    on.edit({ lists: [list(['app:1', 'base:2', 'other.example/tool:3'])] });
    for (const name of names) on.setNode(name, machine(name));
    for (let at = 0; at < 1500;) {
      let turns = 0;
      for (; turn(); turns += 1) if (turns > 20) throw new Error('the plans do not end');
      for (const { name } of on.jobs()) while (on.work(name));
      while (turn());
      if (on.live().status.completionTime !== undefined && on.jobs().length === 0) return at;
      // Ticks at which nothing happens are left out: waits last minutes to an hour.
      const minutes = turns === 0 ? 5 : 1;
      wait(minutes);
      at += minutes;
    }
    throw new Error(`the round does not end: ${JSON.stringify(on.live().status)}`);
  };
  return { on, perform, calm, wait, turn };
}

describe('whatever registries answer and others use', () => {
  it('a round ends once they serve, all nodes have their images, and uses are forgotten', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const { on, perform, calm, wait, turn } = history();
        for (const each of acts) perform(each);
        calm();
        expect(on.live().status).toMatchObject({ status: 'Succeeded', failures: {} });
        wait(61);
        turn();
        expect(on.live().status.registries).toEqual({});
        expect(turn()).toBe(false);
      }),
      { numRuns: repetitions(15, 150) },
    );
  });
});
