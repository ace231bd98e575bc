import { describe, expect, it } from 'vitest';
import type { Status } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import { syncLedger } from '#model/pull/sync-ledger.ts';
import type { World } from '#model/world.ts';
import { planRound } from '#model/plan-round.ts';
import { jobName } from '#model/pull/attempt.ts';
import { list, node, noon, observed, openCache, pulling, settings, spec, status, world } from '../builders.ts';

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

describe('a Ready node that', () => {
  const minute = 60_000;
  const without = new Set([...here].slice(1));
  const lists = (of: Partial<Node>): Partial<Node> => ({ images: without, ...of });
  const readyAt = noon - 10 * minute;

  it.each<Row>([
    {
      when: 'lists an image no longer',
      before: { readyAt },
      on: lists({}),
      is: { state: 'Pending', images: 'wp', lostAt: noon, losses: 1, hadImages: 'fp' },
    },
    { when: 'lists all', before: { readyAt }, on: { images: here }, is: { state: 'Ready', losses: 0 } },
    {
      when: 'lists a part only',
      before: { readyAt },
      on: lists({ isImageListComplete: false }),
      is: { state: 'Ready' },
    },
    {
      when: 'lists nothing, as when its kubelet starts',
      before: { readyAt },
      on: { images: new Set() },
      is: { state: 'Ready' },
    },
    {
      when: 'became Ready a minute ago, and has not reported since',
      before: { readyAt: noon - minute },
      on: lists({ reportedAt: noon - 30_000 }),
      is: { state: 'Ready' },
    },
    {
      when: 'has reported a minute after it became Ready',
      before: { readyAt: noon - minute },
      on: lists({ reportedAt: noon }),
      is: { state: 'Pending', images: 'wp' },
    },
    {
      when: 'is alive two minutes after it became Ready',
      before: { readyAt: noon - 2 * minute },
      on: lists({ reportedAt: noon - 2 * minute }),
      is: { state: 'Pending', images: 'wp' },
    },
    {
      when: 'is away',
      before: { readyAt },
      on: lists({ isReady: false, reportedAt: noon }),
      is: { state: 'Ready', reason: 'NotReady' },
    },
    {
      when: 'lists an image no longer, under pressure',
      before: { readyAt },
      on: lists({ hasDiskPressure: true }),
      is: { state: 'Skipped', reason: 'DiskPressure', lostAt: noon },
    },
    {
      when: 'completes short names, which its list has with a registry',
      before: { readyAt },
      on: { images: new Set(['quay.io/app:1', 'quay.io/base:2']), containerRuntime: 'cri-o://1.33.0' },
      is: { state: 'Ready' },
    },
    {
      when: 'has lost images twice within two hours',
      before: { readyAt, lostAt: noon - 90 * minute, losses: 2 },
      on: lists({}),
      is: { state: 'Failed', images: 'fp', losses: 3, lostAt: noon },
    },
    {
      when: 'has lost images twice, and kept them for two hours since',
      before: { readyAt, lostAt: noon - 120 * minute, losses: 2 },
      on: lists({}),
      is: { state: 'Pending', losses: 1 },
    },
    {
      when: 'has kept losing images, and waits',
      before: { state: 'Failed', images: 'fp', readyAt: noon - 62 * minute, lostAt: noon - 59 * minute, losses: 3 },
      is: { state: 'Failed' },
    },
    {
      when: 'has kept losing images, and has waited for an hour',
      before: { state: 'Failed', images: 'fp', readyAt: noon - 62 * minute, lostAt: noon - 60 * minute, losses: 3 },
      is: { state: 'Pending', images: 'wp', lostAt: noon },
    },
    {
      when: 'has lost an image once, and failed to pull it',
      before: { state: 'Failed', images: 'fp', readyAt: noon - 62 * minute, lostAt: noon - 60 * minute, losses: 1 },
      is: { state: 'Failed' },
    },
  ])('$when is $is.state', (row) => {
    const before = { state: 'Ready', attempt: 1, ...row.before } as const;
    expect(surveyed({ ...row, before }).nodes['node-1']).toMatchObject(row.is ?? {});
  });

  it('has lost an image is reported as lost, with the image and the node, until it has pulled it again', () => {
    const lost = planOf({ state: 'Ready', attempt: 1, readyAt }, { images: without });
    expect(lost.status?.failures).toMatchObject({ 'app:1': [{ node: 'node-1', reason: 'ImageLost' }] });
    expect(lost.status?.conditions.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ImagesLost',
    });
    expect(lost.status?.message).toContain('app:1 on node-1');
    expect(lost.events).toMatchObject([{ type: 'Warning', reason: 'ImagesLost' }]);
    expect(lost.events[0]?.message).toContain('app:1 is missing on node-1');
    expect(lost.createJobs).toHaveLength(1);
    const held = planOf(
      { state: 'Ready', attempt: 1, readyAt, lostAt: noon - 600_000, losses: 2 },
      { images: without },
    );
    expect(held.createJobs).toEqual([]);
    expect(held.status).toMatchObject({ status: 'Failed' });
    expect(held.status?.message).toContain('app:1 on node-1: ImageLost');
    expect(held.status?.failures['app:1']?.[0]?.message).toContain('3 times in succession');
    expect(held.status?.conditions.find(({ type }) => type === 'Ready')).toMatchObject({ reason: 'ImagesLost' });
  });

  it('has lost an image gets a Job of another name than the one that pulled it', () => {
    const [job] = planOf({ state: 'Ready', attempt: 0, readyAt }, { images: without }).createJobs;
    const before = openCache({});
    expect(job?.metadata.name).not.toBe(jobName(before, pulling({ attempt: 1 }, before), [0]));
  });

  function planOf(before: Partial<LedgerEntry>, on: Partial<Node>) {
    const plain = openCache({});
    const cache = openCache({ 'node-1': pulling(before, plain) });
    const ended = { ...cache, status: status({ ...cache.status, status: 'Succeeded', completionTime: readyAt }) };
    const seen = observed({ nodeList: [node(on)] });
    return planRound(world({ before: ended, observed: seen, settings: settings() }), ended);
  }
});
