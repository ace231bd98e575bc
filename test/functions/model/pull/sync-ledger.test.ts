import { describe, expect, it } from 'vitest';
import type { Status } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import { syncLedger } from '#model/pull/sync-ledger.ts';
import type { World } from '#model/world.ts';
import { list, node, observed, openCache, pulling, spec, world } from '../builders.ts';

type Row = {
  readonly when: string;
  readonly before?: Partial<LedgerEntry> | undefined;
  readonly on?: Partial<Node>;
  readonly is: Partial<LedgerEntry> | undefined;
};

const here = new Set(['docker.io/library/app:1', 'docker.io/library/base:2']);

const rows: readonly Row[] = [
  { when: 'is new', is: { state: 'Pending', attempt: 0, images: 'w' } },
  { when: 'is new and has all images', on: { images: here }, is: { state: 'Ready', images: 'p' } },
  {
    when: 'is new and has one',
    on: { images: new Set([...here].slice(1)) },
    is: { state: 'Pending', images: 'wp' },
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
    before: { state: 'Failed', images: 'fp' },
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
