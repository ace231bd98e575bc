import { describe, expect, it } from 'vitest';
import { hasFreeSlots, pullsByNode, pullsPerNode } from '#model/start/node-busy.ts';
import { cache, settings, spec, unlimited } from '../builders.ts';

const limits = { ...unlimited, podsPerNode: 10, namespacePodsPerNode: 8 };

describe('a cache may start on a node', () => {
  it.each([
    { when: 'no Pod pulls there', pods: {}, may: true },
    { when: 'its namespace has fewer than it may have', pods: { apps: 7 }, may: true },
    { when: 'its namespace has all that it may have', pods: { apps: 8 }, may: false },
    { when: 'others have all slots', pods: { b: 5, c: 5 }, may: false },
    { when: 'one slot is left, and its namespace has none', pods: { b: 8, c: 1 }, may: true },
    { when: 'its namespace has its share', pods: { apps: 5, b: 1 }, may: false },
    { when: 'its namespace has less than its share', pods: { apps: 4, b: 1 }, may: true },
    { when: 'each of three namespaces has a third', pods: { apps: 4, b: 3, c: 2 }, may: false },
    { when: 'another namespace has more Pods with our labels than it can start', pods: { b: 1000 }, may: true },
    { when: 'its Pods would be too many', pods: { b: 8 }, starts: 3, may: false },
    { when: 'there is no limit', pods: { b: 1000, apps: 1000 }, of: unlimited, may: true },
    {
      when: 'only all namespaces together are limited',
      pods: { apps: 9 },
      of: { namespacePodsPerNode: 0 },
      may: true,
    },
    { when: 'the limit is one', pods: { b: 1 }, of: { podsPerNode: 1 }, may: false },
    { when: 'the limit is one, and no Pod pulls there', pods: {}, of: { podsPerNode: 1 }, may: true },
  ])('$when: $may', ({ pods, starts = 1, of = {}, may }) => {
    expect(hasFreeSlots(starts, 'apps', new Map(Object.entries(pods)), { ...limits, ...of })).toBe(may);
  });

  it.each([
    { asked: 1, podsPerNode: 10, namespacePodsPerNode: 8, pulls: 1 },
    { asked: 3, podsPerNode: 10, namespacePodsPerNode: 8, pulls: 3 },
    { asked: 10, podsPerNode: 10, namespacePodsPerNode: 8, pulls: 3 },
    { asked: 10, podsPerNode: 1, namespacePodsPerNode: 8, pulls: 1 },
    { asked: 10, podsPerNode: 20, namespacePodsPerNode: 0, pulls: 10 },
    { asked: 10, podsPerNode: 0, namespacePodsPerNode: 8, pulls: 10 },
  ])('with $pulls of $asked Jobs at once, at $podsPerNode Pods', ({ asked, pulls, ...of }) => {
    const given = settings({ limits: { ...unlimited, ...of } });
    expect(pullsPerNode(cache({ spec: spec({ pullsPerNode: asked }) }), given)).toBe(pulls);
  });

  it('also with as many failed Jobs as are retained', () => {
    const asked = pullsPerNode(cache({ spec: spec({ pullsPerNode: 10 }) }), settings({ limits }));
    for (const pods of [{ apps: 5 }, { apps: 4, b: 1 }, { apps: 3, b: 2 }, { b: 5 }, { apps: 3, b: 1, c: 1 }])
      expect(hasFreeSlots(asked, 'apps', new Map(Object.entries(pods)), limits)).toBe(true);
  });
});

it('pulls are counted once for each Job, by node and namespace, without those of the cache itself', () => {
  const pull = (job: string, of: object = {}) => ({ namespace: 'apps', job, nodeId: 'n1', cacheUid: 'other', ...of });
  const counts = pullsByNode(
    [
      ...[pull('a'), pull('a'), pull('b'), pull('own', { cacheUid: 'uid' })],
      ...[pull('a', { namespace: 'b' }), pull('c', { nodeId: 'n2' })],
    ],
    'uid',
  );
  const n1 = new Map([
    ['apps', 2],
    ['b', 1],
  ]);
  expect(counts).toEqual(
    new Map([
      ['n1', n1],
      ['n2', new Map([['apps', 1]])],
    ]),
  );
});
