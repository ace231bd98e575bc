import { describe, expect, it } from 'vitest';
import type { Spec, Status } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { noUse } from '#model/cache/registry-use.ts';
import { maxNodesStarted } from '#model/desired/rollout.ts';
import { syncLedger } from '#model/pull/sync-ledger.ts';
import { startNodes } from '#model/start/start-nodes.ts';
import type { World } from '#model/world.ts';
import {
  list,
  node,
  noon,
  observed,
  openCache,
  pulling,
  round,
  settings,
  spec,
  unlimited,
  world,
} from '../builders.ts';

const pending = (count: number, of: Partial<LedgerEntry> = {}): Status['nodes'] =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `w${String(index).padStart(3, '0')}`,
      pulling({ state: 'Pending', attempt: 0, ...of }),
    ]),
  );

type Given = {
  readonly spec?: Partial<Spec>;
  readonly status?: Partial<Status>;
  readonly world?: Partial<World>;
  /** The names of the nodes that were observed; all without it. */
  readonly seen?: readonly string[];
};

function start(nodes: Status['nodes'], given: Given = {}) {
  const { seen = Object.keys(nodes) } = given;
  const plain = openCache(nodes, { spec: spec(given.spec) });
  const cache = { ...plain, status: { ...plain.status, ...given.status } };
  const nodeList = seen.map((name) => node({ name, id: nodes[name]?.id ?? '' }));
  const hasAllNodes = seen.length === Object.keys(nodes).length;
  const asked = world({ before: cache, observed: observed({ nodeList, hasAllNodes }), ...given.world });
  const { next, desired } = syncLedger(asked, cache);
  const result = startNodes(asked, next, desired);
  const entries = Object.values(result.next.status.nodes);
  return { ...result, started: entries.filter(({ state }) => state === 'Pulling').length };
}

describe('how many nodes pull at once', () => {
  it.each([
    ['no limit', {}, 0, 20],
    ["the operator's", {}, 7, 7],
    ["the cache's before the operator's", { maxConcurrentNodes: 3 }, 7, 3],
    ['a percentage of the nodes', { maxConcurrentNodes: '10%' }, 0, 2],
    ['a percentage, rounded up', { maxConcurrentNodes: '11%' }, 0, 3],
    ['a percentage, at least one', { maxConcurrentNodes: '1%' }, 0, 1],
  ] as const)('%s', (_, of, jobsMaxSurge, expected) => {
    expect(start(pending(20), { spec: of, world: { settings: settings({ jobsMaxSurge }) } }).started).toBe(expected);
  });

  it('counts those that pull already', () => {
    const nodes = { ...pending(5), p1: pulling(), p2: pulling() };
    expect(start(nodes, { spec: { maxConcurrentNodes: 3 } }).started).toBe(3);
    expect(start(nodes, { spec: { maxConcurrentNodes: 1 } }).started).toBe(2);
  });

  it('does not count the nodes that are skipped', () => {
    const skipped = Object.entries(pending(90, { state: 'Skipped' })).map(([name, entry]) => [`s${name}`, entry]);
    const nodes = { ...pending(10), ...Object.fromEntries(skipped) } as Status['nodes'];
    const seen = Object.keys(pending(10));
    expect(start(nodes, { spec: { maxConcurrentNodes: '10%' }, seen }).started).toBe(1);
  });

  it('is a tenth of the nodes after a round was adopted from kube-fledged', () => {
    const status = { round: round({ trigger: 'Adopted' }) };
    expect(start(pending(20), { status }).started).toBe(2);
    expect(start(pending(20), { status, spec: { maxConcurrentNodes: 1 } }).started).toBe(1);
  });

  it('is no more than one delivery can create Jobs for: the others start right after', () => {
    const many = start(pending(maxNodesStarted + 1));
    expect(many).toMatchObject({ observeNext: 'same', started: maxNodesStarted });
    expect(start(pending(maxNodesStarted)).observeNext).toBe('nothing');
  });
});

describe('what is observed next', () => {
  const busy = pending(1, { reason: 'NodeBusy' });
  it.each<{ when: string; seen: readonly string[]; expected: string; spec?: Partial<Spec>; nodes?: Status['nodes'] }>([
    { when: 'pending nodes, if some of the observed ones started', seen: ['w000', 'w001'], expected: 'pending' },
    { when: 'everything, if none started', seen: [], expected: 'everything' },
    { when: 'nothing, if all were observed', seen: ['w000', 'w001', 'w002'], expected: 'nothing' },
    { when: 'nothing, if no more may start', seen: ['w000'], spec: { maxConcurrentNodes: 1 }, expected: 'nothing' },
    { when: 'nothing, if the others wait for Pods of other caches', seen: [], nodes: busy, expected: 'nothing' },
  ])('$when', ({ seen, spec: of = {}, nodes = pending(3), expected }) => {
    expect(start(nodes, { seen, spec: of }).observeNext).toBe(expected);
  });
});

describe('a node that starts', () => {
  it('has one more attempt', () => {
    const { next } = start({ w: pulling({ state: 'Pending', attempt: 1, images: 'rp' }) });
    expect(next.status.nodes['w']).toMatchObject({ state: 'Pulling', attempt: 2, images: 'rp' });
  });

  it('ends the pause between two waves', () => {
    expect(start(pending(1), { status: { nextWaveTime: noon } }).next.status.nextWaveTime).toBeUndefined();
  });
});

describe('a node that waits', () => {
  const rests = { registries: { 'docker.io': { ...noUse, restsUntil: noon + 60_000 } } };
  const reasons = ({ next }: ReturnType<typeof start>) =>
    Object.values(next.status.nodes).map(({ state, reason }) => reason || state);

  it('keeps its attempt and the deadline of a second one, unless a registry makes it wait', () => {
    const second = { attempt: 1, images: 'rp', retryDeadline: noon + 90_000 };
    const waits = start(pending(2, second), { spec: { maxConcurrentNodes: 1 } }).next.status.nodes['w001'];
    expect(waits).toMatchObject({ state: 'Pending', reason: '', ...second });
    const [rested] = Object.values(start(pending(1, second), { status: rests }).next.status.nodes);
    expect(rested).toMatchObject({ state: 'Pending', reason: 'RegistryRests', attempt: 1, retryDeadline: undefined });
  });

  it('has the first reason that applies', () => {
    const others = { settings: settings({ limits: { ...unlimited, podsPerNode: 2, namespacePodsPerNode: 2 } }) };
    const otherPulls = new Map([
      [
        'b',
        new Map([
          ['x', 1],
          ['y', 1],
        ]),
      ],
    ]);
    const nodes = { ...pending(1, { id: 'b' }), x: pulling({ id: 'c', state: 'Pending', attempt: 0 }) };
    expect(reasons(start(nodes, { status: rests, world: { ...others, otherPulls } }))).toEqual([
      'NodeBusy',
      'RegistryRests',
    ]);
  });

  it('for a registry takes no place of others, but keeps its place in the wave', () => {
    const lists = [list(['app:1', 'other.example/base:2'])];
    const elsewhere = pulling({ state: 'Pending', attempt: 0, images: 'pw' }, openCache({}, { spec: spec({ lists }) }));
    const nodes = { a: { ...elsewhere, images: 'w' }, b: elsewhere, c: elsewhere };
    const given = { status: rests, spec: { lists, maxConcurrentNodes: 1 } };
    const missing = {
      observed: observed({
        nodeList: ['a', 'b', 'c'].map((name) =>
          node({ name, images: name === 'a' ? new Set() : new Set(['docker.io/library/app:1']) }),
        ),
      }),
    };
    expect(reasons(start(nodes, { ...given, world: missing }))).toEqual(['RegistryRests', 'Pulling', 'Pending']);
    const rollout = { canaryNodes: 1, growth: 2, topologyKey: '', maxFailedNodes: 0, pauseSeconds: 0 };
    expect(reasons(start(nodes, { ...given, spec: { lists, rollout }, world: missing }))).toEqual([
      'RegistryRests',
      'Pending',
      'Pending',
    ]);
  });
});
