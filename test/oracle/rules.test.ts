import { describe, expect, it } from 'vitest';
import { parseCache, parseJob } from '../behaviour/observed.ts';
import { seenCache, seenNode, type Ending, type SeenCache } from './ending.ts';
import { rules, violations } from './rules.ts';

/** A node of zone a with these images. */
const node = (name: string, images: readonly string[], status: object = {}) => {
  const conditions = [{ type: 'Ready', status: 'True' }];
  const metadata = { name, uid: `uid-${name}`, labels: { zone: 'a' } };
  return seenNode({ metadata, status: { conditions, nodeInfo: { kubeletVersion: 'v1.36.3' }, ...status } }, images);
};

const conditions = (ready: string, stalled: string, reason = '') => [
  { type: 'Ready', status: ready, reason, observedGeneration: 1 },
  { type: 'Reconciling', status: 'False', observedGeneration: 1 },
  { type: 'Stalled', status: stalled, observedGeneration: 1 },
];

const pulledStatus = {
  status: 'Succeeded',
  reason: 'ImageCacheCreate',
  message: 'All requested images pulled succesfully to respective nodes',
  observedGeneration: 1,
  conditions: conditions('True', 'False'),
  nodesReady: '1/1',
  nodeCounts: { desired: 1, ready: 1, pulling: 0, failed: 0, skipped: 0 },
  images: [
    { image: 'a', ready: 1 },
    { image: 'b', ready: 1 },
  ],
  nodes: { n1: { state: 'Ready' } },
};

const failedStatus = {
  ...pulledStatus,
  status: 'Failed',
  message: 'Image pull failed for some images. Please see "failures" section',
  conditions: [...conditions('False', 'True'), { type: 'Failing', status: 'True', observedGeneration: 1 }],
  nodesReady: '0/1',
  nodeCounts: { desired: 1, ready: 0, pulling: 0, failed: 1, skipped: 0 },
  images: [
    { image: 'a', ready: 1 },
    { image: 'b', ready: 0, failed: 1 },
  ],
  nodes: { n1: { state: 'Failed' } },
  failures: { b: [{ node: 'n1', reason: 'ErrImagePull' }] },
};

const removal = { state: 'Removed', imagesHash: 'h', removed: 1, spared: 1 };
const purgedStatus = {
  ...pulledStatus,
  reason: 'ImageCachePurge',
  message: 'All cached images succesfully deleted from respective nodes, except for 1 on 1 node that are used by Pods',
  conditions: conditions('False', 'False', 'Purged'),
  nodesReady: '0/0',
  nodeCounts: {},
  images: [],
  nodes: {},
  removals: { n1: { ...removal, sparedImages: [{ image: 'b', reason: 'InUse', by: 'users/p1/main' }] } },
  toRemove: { h: ['a', 'b'] },
};

const cache = (status: object, spec: object = {}, metadata: object = {}): SeenCache =>
  seenCache(
    parseCache({
      metadata: { name: 'web', uid: 'uid-web', generation: 1, ...metadata },
      spec: { cacheSpec: [{ images: ['a', 'b'], nodeSelector: { zone: 'a' } }], ...spec },
      status,
    }),
  );

const life = { name: 'web', listed: new Set(['a', 'b']), requests: [] };
const request = { step: 1, isSettled: true, isObserved: true } as const;

const record: Ending['record'] = { steps: 2, lives: new Map([['uid-web', life]]), used: [], takenAway: [], endedAt: 0 };

const ending = (parts: Partial<Ending>): Ending => ({
  ...{
    caches: [cache(pulledStatus)],
    nodes: [node('n1', ['a', 'b', 'own'])],
    jobs: [],
    pods: [],
    warnings: [],
    record,
  },
  ...{ isSettled: true, changedWhenIdle: [], writes: 5, complaints: [], late: new Set<string>(), pulls: [] },
  ...parts,
});

const purgedEnding = ending({
  caches: [cache(purgedStatus)],
  nodes: [node('n1', ['b'])],
  record: { ...record, lives: new Map([['uid-web', { ...life, requests: [{ ...request, type: 'purge' }] }]]) },
});

const truthful: readonly (readonly [string, Ending])[] = [
  ['a cache that has pulled', ending({})],
  ['a cache that could not pull everything', ending({ caches: [cache(failedStatus)], nodes: [node('n1', ['a'])] })],
  ['a cache that was purged but for an image in use', purgedEnding],
  ['pulls as many as a budget allows', ending({ pulls: [0, 1, 3_600_000, 3_600_001], pullsPerHour: 2 })],
];

describe('the rules find nothing in the end of', () => {
  it.each(truthful)('%s', (_, end) => {
    expect(violations(end)).toEqual([]);
  });
});

const job = (status: object) =>
  parseJob({
    metadata: { name: 'web-1', uid: 'job', annotations: { 'kubefledged.io/node': 'n1' } },
    spec: { template: { spec: {} } },
    status,
  });

const pulled = (change: object): Ending => ending({ caches: [cache({ ...pulledStatus, ...change })] });
const purged = (change: object): Ending => ({ ...purgedEnding, caches: [cache({ ...purgedStatus, ...change })] });
const used = { node: 'n1', machine: 'uid-n1', image: 'own', isRunning: false };
const removedAll = { n1: { ...removal, removed: 2, spared: 0 } };
const allGone = 'All cached images succesfully deleted from respective nodes';

/** What was tampered with, the end, the rule that finds it, and what it says. */
const tampered: readonly (readonly [string, Ending, keyof typeof rules, RegExp])[] = [
  ['an image is missing on a Ready node', ending({ nodes: [node('n1', ['a'])] }), 'presence', /Ready, and it lacks b/],
  ['a selected node is not in the status', pulled({ nodes: {} }), 'presence', /status.nodes has no entry/],
  ['a node is still being served', pulled({ nodes: { n1: { state: 'Pending' } } }), 'presence', /still Pending/],
  [
    'failures does not name the node',
    ending({ caches: [cache({ ...failedStatus, failures: {} })], nodes: [node('n1', ['a'])] }),
    'presence',
    /does not say that it lacks b/,
  ],
  ['a Failed node has everything', ending({ caches: [cache(failedStatus)] }), 'presence', /Failed, and it has all/],
  [
    'a node that can pull is skipped',
    pulled({ nodes: { n1: { state: 'Skipped', reason: 'NotReady' } } }),
    'presence',
    /still Skipped/,
  ],
  [
    'a node is skipped for a reason that it does not have',
    ending({
      caches: [cache({ ...pulledStatus, nodes: { n1: { state: 'Skipped', reason: 'NotReady' } } })],
      nodes: [
        node('n1', ['a'], {
          conditions: [
            { type: 'Ready', status: 'True' },
            { type: 'DiskPressure', status: 'True' },
          ],
        }),
      ],
    }),
    'presence',
    /Skipped \(NotReady\), and it cannot pull: DiskPressure/,
  ],
  [
    'a node is away and not marked so',
    ending({ nodes: [node('n1', ['a', 'b'], { conditions: [] })] }),
    'presence',
    /Ready \(\), and the node is NotReady/,
  ],
  [
    'a node is listed that is not selected',
    pulled({ nodes: { n1: { state: 'Ready' }, n2: { state: 'Ready' } } }),
    'presence',
    /has n2/,
  ],
  [
    'an image is counted on too many nodes',
    pulled({ images: [{ image: 'a', ready: 2 }] }),
    'presence',
    /counts 2 nodes/,
  ],
  ['Ready is False', pulled({ conditions: conditions('False', 'False') }), 'words', /Ready is false at 1 ready/],
  ['Ready is True of a node that lacks an image', ending({ nodes: [node('n1', ['a'])] }), 'words', /Ready is true/],
  ['the word does not fit', pulled({ status: 'Failed' }), 'words', /the word is Failed at 1 ready/],
  ['the message does not fit', pulled({ message: 'fine' }), 'words', /the message at Succeeded is "fine"/],
  ['the counts do not fit', pulled({ nodesReady: '2/2' }), 'words', /nodesReady is 2\/2/],
  ['the numbers of nodes do not fit', pulled({ nodeCounts: { desired: 2, ready: 2 } }), 'words', /really 1 of 1/],
  ['the generation is old', pulled({ observedGeneration: 0 }), 'words', /generation 1 was not observed/],
  ['Reconciling goes on', pulled({ conditions: conditions('True', 'True') }), 'words', /Stalled at Succeeded/],
  [
    'a purge that spared an image says that all are gone',
    purged({ message: allGone }),
    'words',
    /1 on 1 node was spared, and the message is/,
  ],
  [
    'a purge that owes nothing has failed',
    purged({ status: 'Failed' }),
    'words',
    /the word is Failed and no node owes/,
  ],
  [
    'a purge that owes images has succeeded',
    purged({ removals: { n1: { state: 'Skipped', imagesHash: 'h' } } }),
    'words',
    /the word is Succeeded and n1 owes/,
  ],
  [
    'an image stays that the status says nothing of',
    purged({ removals: {}, toRemove: {} }),
    'leftover',
    /n1 still has b, which nobody needs/,
  ],
  [
    'the status says Removed of an image that stays',
    purged({ removals: removedAll, message: allGone }),
    'removed',
    /says Removed of b on n1/,
  ],
  [
    'it is not said for whom an image stays',
    purged({ removals: { n1: { ...removal, sparedImages: [{ image: 'b', reason: 'InUse' }] } } }),
    'removed',
    /does not say for whom b stays/,
  ],
  [
    'an image of others is gone',
    ending({ nodes: [node('n1', ['a', 'b'])], record: { ...record, used: [used] } }),
    'untouched',
    /lacks own, which is not ours/,
  ],
  [
    'an image is gone that a Pod runs',
    {
      ...purgedEnding,
      nodes: [node('n1', [])],
      record: { ...record, used: [{ ...used, image: 'b', isRunning: true }] },
    },
    'untouched',
    /lacks b, which a Pod runs/,
  ],
  ['a superseded Job is left', ending({ jobs: [job({})] }), 'rest', /Job web-1 for n1 is left/],
  ['a finished Job is left', ending({ jobs: [job({ succeeded: 1 })] }), 'rest', /Job web-1 for n1 is left/],
  ['a round goes on', pulled({ status: 'Processing' }), 'rest', /web is Processing/],
  ['it never comes to rest', ending({ isSettled: false }), 'rest', /does not come to rest/],
  [
    'something is written without a reason',
    ending({ changedWhenIdle: ['ImageCache web'] }),
    'rest',
    /although nothing/,
  ],
  ['too much is written', ending({ writes: 10_000 }), 'rest', /10000 writes for 2 steps/],
  ['an error is logged', ending({ complaints: ['TypeError'] }), 'rest', /logged: TypeError/],
  [
    'a deletion does not end',
    ending({ caches: [cache(pulledStatus, {}, { deletionTimestamp: '2026-11-24T00:00:00Z' })] }),
    'rest',
    /web is not deleted/,
  ],
  [
    'an annotation stays',
    ending({ caches: [cache(pulledStatus, {}, { annotations: { 'kubefledged.io/purge-imagecache': '' } })] }),
    'rest',
    /still has the annotation/,
  ],
  [
    'a cache is not purged whose last request is a purge',
    ending({ record: { ...record, lives: purgedEnding.record.lives } }),
    'purged',
    /was purged last, and its reason is ImageCacheCreate/,
  ],
  [
    'a cache is purged that was refreshed last',
    {
      ...purgedEnding,
      record: { ...record, lives: new Map([['uid-web', { ...life, requests: [{ ...request, type: 'refresh' }] }]]) },
    },
    'purged',
    /is not purged, and its reason is ImageCachePurge/,
  ],
  [
    'nodes pull more in an hour than the budget allows',
    ending({ pulls: [0, 1_800_000, 3_599_999, 3_600_000], pullsPerHour: 2 }),
    'budget',
    /pulled 3 images within an hour, and 2 were allowed/,
  ],
];

describe('the rules find a violation where', () => {
  it.each(tampered)('%s', (_, end, rule, says) => {
    expect(rules[rule](end).join('\n')).toMatch(says);
  });

  it('and each rule has such a case', () => {
    expect(new Set(tampered.map(([, , rule]) => rule))).toEqual(new Set(Object.keys(rules)));
  });
});
