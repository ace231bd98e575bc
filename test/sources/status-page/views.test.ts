import { describe, expect, it } from 'vitest';
import { noUse } from '#model/cache/registry-use.ts';
import { cacheDetail, cacheRow, nodeImages } from '../../../sources/status-page/cache-view.ts';
import { overview, page, pagingOf } from '../../../sources/status-page/overview.ts';
import { busyCluster, cacheNamed, entry, foundIn, largeCluster, removal } from './caches.ts';

const all = { offset: 0, limit: 200 };
const glance = (asked: Partial<Parameters<typeof overview>[1]> = {}) =>
  overview({ version: '1', source: 'live', caches: busyCluster(0) }, { query: '', status: '', paging: all, ...asked });
const keys = (of: ReturnType<typeof glance>): readonly string[] =>
  of.caches.rows.map(({ namespace, name }) => `${namespace}/${name}`);

describe('all caches', () => {
  it('are listed with those that need attention first', () => {
    expect(keys(glance())).toEqual([
      'ml/training',
      'shop/storefront',
      'edge/gateways',
      'ci/runners',
      'platform/databases',
      'platform/observability',
    ]);
  });

  it.each([
    { query: 'PLATFORM/', finds: ['platform/databases', 'platform/observability'] },
    { query: 'envoy', finds: ['edge/gateways'] },
    { query: 'nothing', finds: [] },
  ])('are found by $query in namespace, name and images', ({ query, finds }) => {
    expect(keys(glance({ query }))).toEqual(finds);
  });

  it('are counted by status before the filter applies', () => {
    const { statuses, caches } = glance({ status: 'Failed' });
    expect(statuses).toMatchObject({ Failed: 1, Processing: 1, Succeeded: 3, NoImagesPulledOrDeleted: 1, New: 0 });
    expect(caches.total).toBe(1);
  });

  it('are listed with the counts of their nodes and images', () => {
    expect(glance({ query: 'shop' }).caches.rows[0]).toMatchObject({
      nodes: { ready: 14, pulling: 4, pending: 4, failed: 0, skipped: 2 },
      images: { total: 6, failed: 0 },
      operation: 'Update',
    });
  });
});

it('a cache that was edited and is not observed yet blames no image for what was one of the former spec', () => {
  const former = cacheNamed('a/b', { images: ['gone:1', 'kept:2'] }).spec.lists[0];
  if (former === undefined) throw new TypeError('there is one');
  const edited = cacheNamed(
    'a/b',
    { images: ['kept:2', 'next:3'], nodes: { bad: entry({ state: 'Failed', images: 'fp' }) } },
    { placements: [{ ...former, sinceGeneration: 1, lists: [0] }] },
  );
  const rows = cacheDetail({ ...edited, generation: 2 }, { query: '', state: '', nodes: all, images: all }).imageRows
    .rows;
  expect(rows.map(({ image, ready, failed }) => [image, ready, failed])).toEqual([
    ['gone:1', 0, 1],
    ['kept:2', 1, 0],
  ]);
  const forgotten = { ...edited, generation: 2, status: { ...edited.status, placements: [] } };
  expect(cacheDetail(forgotten, { query: '', state: '', nodes: all, images: all }).imageRows.rows).toEqual([]);
});

it('a node that is lost after a round is shown as skipped, with the reason', () => {
  const lost = cacheNamed('a/b', { images: ['x:1'], nodes: { a: entry(), b: entry({ reason: 'NotReady' }) } });
  const shown = cacheDetail(lost, { query: '', state: 'Skipped', nodes: all, images: all });
  expect(shown).toMatchObject({
    nodes: { ready: 1, skipped: 1 },
    nodeRows: { rows: [{ node: 'b', reason: 'NotReady' }] },
  });
});

it('a cache shows its wave, and what registries allow', () => {
  const [noon, five, one] = [0, 5, 60].map((minutes) => Date.UTC(2026, 10, 24, 12, minutes));
  const nodes = { a: entry(), b: entry({ state: 'Pulling' }), c: entry({ state: 'Pending', attempt: 0 }) };
  const rollout = { canaryNodes: 1, growth: 2, topologyKey: '', maxFailedNodes: 0, pauseSeconds: 0 };
  const limited = cacheNamed(
    'a/b',
    { images: ['x:1'], nodes },
    {
      registries: {
        'docker.io': { ...noUse, restsUntil: five, waitsUntil: five },
        'other.example': { ...noUse, pulls: 64, pullsUntil: one, pullsLeft: 3, pullsLeftUntil: noon },
      },
    },
  );
  const shown = { ...limited, spec: { ...limited.spec, rollout } };
  expect(cacheDetail(shown, { query: '', state: '', nodes: all, images: all }).limits).toEqual([
    'Wave 2 of 2: 1 of 3 nodes have pulled',
    'docker.io rests until 12:05, has nodes wait until 12:05 (UTC)',
    'other.example has 3 pulls left for nodes until 12:00, counts 64 pulls of its budget until 13:00 (UTC)',
  ]);
  expect(cacheDetail(limited, { query: '', state: '', nodes: all, images: all }).limits).toHaveLength(2);
});

it('a purged cache is listed with the progress of its removals', () => {
  const removals = { a: removal('Removed'), b: removal('Removing'), c: removal('Pending'), d: removal('Failed') };
  const purged = cacheNamed('a/b', { images: ['x:1'] }, { removals });
  expect(cacheRow(purged).removals).toEqual({ removed: 1, open: 2, failed: 1, skipped: 0 });
});

describe('one cache', () => {
  const ofNodes = (nodes: Parameters<typeof cacheNamed>[1]['nodes'] = {}) =>
    cacheNamed('a/b', { images: ['x:1', 'y:1'], nodes });
  const look = (cache: ReturnType<typeof ofNodes>, asked: Partial<Parameters<typeof cacheDetail>[1]> = {}) =>
    cacheDetail(cache, { query: '', state: '', nodes: all, images: all, ...asked });
  const mixed = ofNodes({
    'node-10': entry(),
    'node-9': entry(),
    off: entry({ state: 'Skipped', reason: 'NotReady' }),
    again: entry({ state: 'Pulling', attempt: 2, images: 'pr' }),
    waits: entry({ state: 'Pending' }),
    bad: entry({ state: 'Failed', images: 'fp' }),
  });

  it('lists its nodes by urgency, then by number', () => {
    const { nodeRows, map } = look(mixed);
    expect(nodeRows.rows.map(({ node, present, desired }) => `${node} ${present}/${desired}`)).toEqual([
      'bad 1/2',
      'again 1/2',
      'waits 0/2',
      'off 0/2',
      'node-9 2/2',
      'node-10 2/2',
    ]);
    expect(map).toBe('FTWSRR');
  });

  it('lists only the nodes that match the filter', () => {
    expect(look(mixed, { state: 'Ready', query: '10' }).nodeRows.rows.map(({ node }) => node)).toEqual(['node-10']);
    expect(look(mixed, { nodes: { offset: 4, limit: 1 } }).nodeRows).toMatchObject({
      offset: 4,
      total: 6,
      rows: [{ node: 'node-9' }],
    });
  });

  it('lists each image with the number of nodes that have it', () => {
    expect(look(mixed).imageRows.rows).toMatchObject([
      { image: 'x:1', ready: 3, failed: 1, open: 1 },
      { image: 'y:1', ready: 3, failing: 1, failed: 0, open: 1 },
    ]);
  });

  it('lists with each image who can start it, as the status says', () => {
    const locked = (images: string) => entry({ images, noop: 'p' });
    const rowsOf = (nodes: Parameters<typeof ofNodes>[0], of: Partial<typeof mixed.spec> = {}) => {
      const cache = ofNodes(nodes);
      return look({ ...cache, spec: { ...cache.spec, ...of } }).imageRows.rows.map(({ access }) => access);
    };
    expect(rowsOf({ a: entry() })).toEqual(['Anyone', 'Anyone']);
    expect(rowsOf({ a: entry({ state: 'Pending' }) })).toEqual(['', '']);
    const imagePullSecrets = ['reg'];
    expect(rowsOf({ a: locked('pP'), b: locked('p') }, { imagePullSecrets })).toEqual(['Anyone', 'PullSecrets']);
    expect(rowsOf({ a: entry(), b: locked('p') }, { imagePullSecrets })).toEqual(['Unknown', 'Unknown']);
  });

  it('lists with each image of workloads for which of them it is there', () => {
    const cache = cacheNamed('a/b', { images: ['kept:1', 'own:1', 'web:1'], nodes: { n: entry() } });
    const found = foundIn('Deployment/web');
    const detail = look({ ...cache, found, status: { ...cache.status, found } });
    expect(detail.imageRows.rows.map(({ image, origin }) => [image, origin])).toEqual([
      ['kept:1', { workloads: [], count: 0 }],
      ['own:1', undefined],
      ['web:1', { workloads: ['Deployment/web'], count: 1205 }],
    ]);
    expect(detail.unread).toBe('The cluster has no kind Rollout');
    expect(look(cache)).toMatchObject({ unread: '' });
  });

  it('lists the present and missing images of a node, with the reasons', () => {
    const cache = cacheNamed(
      'a/b',
      { images: ['x:1', 'y:1'], nodes: { bad: entry({ state: 'Failed', images: 'pf' }) } },
      {
        failures: {
          'y:1': [
            { node: 'bad', reason: 'ErrImagePull', message: 'not found' },
            { node: 'other', reason: 'Else', message: '' },
          ],
        },
      },
    );
    expect(nodeImages(cache, 'bad', all)?.rows).toEqual([
      { image: 'y:1', state: 'failed', reason: 'ErrImagePull', message: 'not found' },
      { image: 'x:1', state: 'present', reason: '', message: '' },
    ]);
    expect(nodeImages(cache, 'constructor', all)).toBeUndefined();
  });

  it('shows an image that is not tried on the node as failed, and not as present', () => {
    const nodes = { bad: entry({ state: 'Pulling', images: 'wa' }) };
    const cache = cacheNamed('a/b', { images: ['x:1', 'y:1'], nodes }, {});
    expect(nodeImages(cache, 'bad', all)?.rows).toMatchObject([
      { image: 'y:1', state: 'failed' },
      { image: 'x:1', state: 'pulling' },
    ]);
  });
});

describe('a page', () => {
  it('has at most 200 rows, whatever the request', () => {
    const paging = pagingOf(new URLSearchParams('nodes-limit=9999&nodes-offset=300'), 'nodes-', 50);
    const [large] = largeCluster(0);
    if (large === undefined) throw new TypeError('there is one');
    const { nodeRows } = cacheDetail(large, { query: '', state: '', nodes: paging, images: all });
    expect([nodeRows.rows.length, nodeRows.offset, nodeRows.total]).toEqual([200, 300, 1000]);
  });

  it.each(['-1', '1e3', 'NaN', '99999999', '1;', ''])('does not accept %j as a number', (text) => {
    expect(pagingOf(new URLSearchParams({ offset: text, limit: text }), '', 7)).toEqual({ offset: 0, limit: 7 });
  });

  it('beyond the end is the last page', () => {
    expect(page(['a', 'b'], { offset: 9, limit: 5 })).toEqual({ rows: ['b'], offset: 1, total: 2 });
    expect(page([], { offset: 9, limit: 5 })).toEqual({ rows: [], offset: 0, total: 0 });
  });
});
