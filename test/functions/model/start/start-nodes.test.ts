import { describe, expect, it } from 'vitest';
import { startNodes } from '#model/start/start-nodes.ts';
import { freePullSlots, maxNodesStarted } from '#model/desired/node-limit.ts';
import type { Spec, Status } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { syncLedger } from '#model/pull/sync-ledger.ts';
import { node, observed, openCache, pulling, round, settings, spec, world } from '../builders.ts';

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
    return { status: next.status, observeNext, free: freePullSlots(cache, asked.settings) };
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
