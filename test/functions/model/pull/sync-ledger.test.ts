import { describe, expect, it } from 'vitest';
import { startNodes, freeSlots } from '#model/pull/start-nodes.ts';
import { maxNodesStarted } from '#model/desired/node-limit.ts';
import type { Spec, Status } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import { syncLedger } from '#model/pull/sync-ledger.ts';
import type { World } from '#model/world.ts';
import { list, node, observed, openCache, pulling, round, settings, spec, world } from '../builders.ts';

type Row = {
  readonly when: string;
  readonly before?: Partial<LedgerEntry> | undefined;
  readonly on?: Partial<Node>;
  readonly is: Partial<LedgerEntry> | undefined;
};

const here = new Set(['docker.io/library/app:1', 'docker.io/library/base:2']);

const rows: readonly Row[] = [
  { when: 'is new', is: { state: 'Pending', attempt: 0, pendingImages: undefined } },
  { when: 'is new and has all images', on: { images: here }, is: { state: 'Ready', pendingImages: undefined } },
  {
    when: 'is new and has one',
    on: { images: new Set([...here].slice(1)) },
    is: { state: 'Pending', pendingImages: [0] },
  },
  { when: 'is new and not ready', on: { isReady: false }, is: { state: 'Skipped', reason: 'NotReady' } },
  {
    when: 'is ready again',
    before: { state: 'Skipped', reason: 'NotReady', attempt: 1 },
    is: { state: 'Pending', reason: '', attempt: 1 },
  },
  {
    when: 'has it all and is cordoned',
    before: { state: 'Ready' },
    on: { isUnschedulable: true },
    is: { state: 'Ready' },
  },
  {
    when: 'has failed and is not ready',
    before: { state: 'Failed', failedImages: [0] },
    on: { isReady: false },
    is: { state: 'Failed' },
  },
  { when: 'pulls and is cordoned', before: {}, on: { isUnschedulable: true }, is: { state: 'Pulling', attempt: 1 } },
  { when: 'pulls and goes away', before: {}, on: { isReady: false }, is: { state: 'Skipped', reason: 'NotReady' } },
  {
    when: 'pulls and is being deleted',
    before: {},
    on: { isBeingDeleted: true },
    is: { state: 'Skipped', reason: 'BeingDeleted' },
  },
  {
    when: 'is another machine',
    before: { state: 'Failed', id: 'old', attempt: 3, copiesNoop: true },
    is: { state: 'Pending', attempt: 0, copiesNoop: false },
  },
  {
    when: 'is to hold something else',
    before: { state: 'Ready', desiredHash: 'old' },
    is: { state: 'Pending', attempt: 0 },
  },
  { when: 'is selected no more', before: { state: 'Ready' }, on: { labels: { pool: 'none' } }, is: undefined },
];

const lists = [
  list(['app:1', 'base:2'], { nodeMatchExpressions: [{ key: 'pool', operator: 'DoesNotExist', values: [] }] }),
];

function surveyed({ before, on }: Row, of: Partial<World> = {}): Status {
  const plain = openCache({}, { spec: spec({ lists }) });
  const nodes = before === undefined ? {} : { 'node-1': pulling(before, plain) };
  const cache = openCache(nodes, { spec: spec({ lists }) });
  const failures = { 'app:1': [{ node: 'node-1', reason: 'ErrImagePull', message: '' }] };
  const told = { ...cache, status: { ...cache.status, failures } };
  return syncLedger(world({ before: told, observed: observed({ nodeList: [node(on)] }), ...of }), told).next.status;
}

describe('a node that', () => {
  it.each(rows)('$when is $is.state', (row) => {
    const entry = surveyed(row).nodes['node-1'];
    if (row.is === undefined) expect(entry).toBeUndefined();
    else expect(entry).toMatchObject(row.is);
  });

  it.each<Row & { readonly forgets: boolean }>([
    { when: 'stays as it was', before: { state: 'Failed' }, is: {}, forgets: false },
    { when: 'is another machine', before: { id: 'old' }, is: {}, forgets: true },
    { when: 'is to hold something else', before: { desiredHash: 'old' }, is: {}, forgets: true },
    { when: 'is selected no more', before: {}, on: { labels: { pool: 'none' } }, is: {}, forgets: true },
  ])('$when: what failed on it is forgotten: $forgets', ({ forgets, ...row }) => {
    expect(surveyed(row).failures).toEqual(
      forgets ? {} : { 'app:1': [{ node: 'node-1', reason: 'ErrImagePull', message: '' }] },
    );
  });

  it('is gone is forgotten with what failed on it, where all nodes were looked at or it was looked for', () => {
    const row = { when: '', before: {}, is: {} };
    const looked = [
      observed({ nodeList: [] }),
      observed({ nodes: new Map([['node-1', undefined]]), hasAllNodes: false }),
    ];
    for (const seen of looked) expect(surveyed(row, { observed: seen })).toMatchObject({ nodes: {}, failures: {} });
  });

  it('was not looked at stays as it is', () => {
    const seen = observed({ nodeList: [], hasAllNodes: false });
    expect(surveyed({ when: '', before: {}, is: {} }, { observed: seen }).nodes['node-1']).toMatchObject({
      state: 'Pulling',
    });
  });
});

describe('how many nodes pull at once', () => {
  const waiting = (count: number, of: Partial<LedgerEntry> = {}): Status['nodes'] =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        `w${String(index).padStart(3, '0')}`,
        pulling({ state: 'Pending', attempt: 0, ...of }),
      ]),
    );

  /** Who opened the round, and the names of the nodes that were looked at. */
  type Looked = { readonly trigger?: 'Spec' | 'Adopted'; readonly looked?: readonly string[] };

  const claimed = (
    nodes: Status['nodes'],
    of: Partial<Spec> = {},
    jobsMaxSurge = 0,
    { trigger = 'Spec', looked = Object.keys(nodes) }: Looked = {},
  ) => {
    const plain = openCache(nodes, { spec: spec(of) });
    const cache = { ...plain, status: { ...plain.status, round: round({ trigger }) } };
    const seen = observed({ nodeList: looked.map((name) => node({ name })) });
    const hasAllNodes = looked.length === Object.keys(nodes).length;
    const asked = world({ before: cache, observed: { ...seen, hasAllNodes }, settings: settings({ jobsMaxSurge }) });
    const { desired } = syncLedger(asked, cache);
    const { next, observeNext } = startNodes(asked, cache, desired);
    return { status: next.status, observeNext, free: freeSlots(cache, asked.settings) };
  };
  const count = ({ status }: { readonly status: Status }) =>
    Object.values(status.nodes).filter(({ state }) => state === 'Pulling').length;

  it.each([
    ['no limit', {}, 0, 20],
    ["the operator's", {}, 7, 7],
    ["the cache's before the operator's", { maxConcurrentNodes: 3 }, 7, 3],
    ['a percentage of the nodes', { maxConcurrentNodes: '10%' }, 0, 2],
    ['a percentage, rounded up', { maxConcurrentNodes: '11%' }, 0, 3],
    ['a percentage, at least one', { maxConcurrentNodes: '1%' }, 0, 1],
  ] as const)('%s', (_, of, surge, is) => {
    expect(count(claimed(waiting(20), of, surge))).toBe(is);
  });

  it('counts those that pull already, and is not below none', () => {
    const nodes = { ...waiting(5), p1: pulling(), p2: pulling() };
    expect(count(claimed(nodes, { maxConcurrentNodes: 3 }))).toBe(3);
    expect(claimed(nodes, { maxConcurrentNodes: 1 }).free).toBe(0);
  });

  it('does not count the nodes that are skipped', () => {
    const nodes = {
      ...waiting(10),
      ...Object.fromEntries(
        Object.entries(waiting(90, { state: 'Skipped' })).map(([name, entry]) => [`s${name}`, entry]),
      ),
    };
    expect(count(claimed(nodes, { maxConcurrentNodes: '10%' }))).toBe(1);
  });

  it('is gentle where a round was taken over from kube-fledged', () => {
    expect(count(claimed(waiting(20), {}, 0, { trigger: 'Adopted' }))).toBe(2);
    expect(count(claimed(waiting(20), { maxConcurrentNodes: 1 }, 0, { trigger: 'Adopted' }))).toBe(1);
  });

  it('is no more than one delivery can make Jobs for: the rest is claimed right after', () => {
    expect(claimed(waiting(maxNodesStarted + 1))).toMatchObject({ observeNext: 'same' });
    expect(count(claimed(waiting(maxNodesStarted + 1)))).toBe(maxNodesStarted);
    expect(claimed(waiting(maxNodesStarted))).toMatchObject({ observeNext: 'nothing' });
  });

  it.each([
    { looked: ['w000', 'w001'], is: 'pending', when: 'some of them could be claimed' },
    { looked: [], is: 'everything', when: 'none could' },
    { looked: ['w000', 'w001', 'w002'], is: 'nothing', when: 'all have been' },
  ])('goes on with nodes that were not looked at: $is, when $when', ({ looked, is }) => {
    expect(claimed(waiting(3), {}, 0, { looked }).observeNext).toBe(is);
  });

  it('does not go on with nodes for which there is no room', () => {
    expect(claimed(waiting(3), { maxConcurrentNodes: 2 }, 0, { looked: ['w000', 'w001'] }).observeNext).toBe('nothing');
  });

  it('grows the attempt of those that are claimed', () => {
    expect(
      claimed({ w: pulling({ state: 'Pending', attempt: 1, failedImages: [0] }) }).status.nodes['w'],
    ).toMatchObject({ state: 'Pulling', attempt: 2, failedImages: [0] });
  });
});
