import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import { decide } from '#model/decide.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { emptyPlan } from '#model/plan.ts';
import { processingMessage } from '#model/cache/round.ts';
import type { World } from '#model/world.ts';
import { job, list, node, nameOf, noon, observed, openCache, pulling, round, spec, status, world } from './builders.ts';
import { asked, ended } from './decided.ts';

describe('a round that opens', () => {
  it('is numbered, claims its nodes, and remembers what it will place, all in one write', () => {
    const failures = { 'app:1': [{ node: 'node-1', reason: 'ErrImagePull', message: 'of the round before' }] };
    const before = ended({ round: round({ number: 4 }), failures, completionTime: noon - 1 });
    const { status: told, createJobs } = asked({ status: before, generation: 2 });
    expect(told?.failures).toEqual({});
    expect(told).toMatchObject({
      status: 'Processing',
      reason: 'ImageCacheUpdate',
      message: 'Image cache is being updated. Please view the status after some time',
      startTime: noon,
      completionTime: undefined,
      observedGeneration: 2,
      round: { number: 5, operation: 'Update', generation: 2, trigger: 'Spec', startTime: noon },
      nodes: { 'node-1': { state: 'Pulling', attempt: 1 } },
      placements: [{ images: ['app:1', 'base:2'], sinceGeneration: 2 }],
    });
    expect(createJobs).toHaveLength(1);
  });

  it.each([
    ['Ready', { state: 'Ready', attempt: 0 }],
    ['Failed', { state: 'Pulling', attempt: 1, images: 'w', oneImagePerJob: false, copiesNoop: true }],
    ['Pulling', { state: 'Pulling', attempt: 1, images: 'w', oneImagePerJob: false, copiesNoop: true }],
    ['Skipped', { state: 'Pulling', attempt: 1, images: 'w', oneImagePerJob: false, copiesNoop: true }],
  ] as const)('begins a node anew that was %s, unless it has all', (state, is) => {
    const before = { attempt: 3, images: 'pr', oneImagePerJob: true, copiesNoop: true, state };
    const { nodes } = openCache({ 'node-1': pulling(state === 'Ready' ? { state, attempt: 3 } : before) }).status;
    expect(asked({ generation: 2, status: ended({ nodes }) }).status?.nodes['node-1']).toMatchObject(is);
  });

  it('remembers every list that nodes may hold, once', () => {
    const lists = [list(['b:1', 'a:1']), list(['c:1']), list(['a:1', 'b:1'])];
    const placed = [
      { ...list(['a:1', 'b:1']), sinceGeneration: 1, lists: [] },
      { ...list(['gone:1']), sinceGeneration: 1, lists: [0] },
    ];
    const nodes = { 'node-1': pulling({ state: 'Ready', desiredHash: 'before' }) };
    const before = ended({ nodes, desired: { before: [0] }, placements: placed });
    const opened = asked({ generation: 2, spec: spec({ lists }), status: before }).status;
    const told = opened?.placements.map(({ images, sinceGeneration, lists: at }) => [images, sinceGeneration, at]);
    expect(told).toEqual([
      [['a:1', 'b:1'], 1, [0, 2]],
      [['gone:1'], 1, []],
      [['c:1'], 2, [1]],
    ]);
  });

  it('remembers no more lists than a status has room for, the newest first', () => {
    const big = (name: string) =>
      list(Array.from({ length: 3000 }, (_, index) => `registry.example.com/${name}:${index}`));
    const placed = [{ ...big('old'), sinceGeneration: 1, lists: [0] }];
    const kept = asked({ generation: 2, spec: spec({ lists: [big('new')] }), status: ended({ placements: placed }) })
      .status?.placements;
    expect(kept?.map(({ sinceGeneration }) => sinceGeneration)).toEqual([2]);
  });

  it.each([
    ['Create', 'Images are being pulled on to the nodes. Please view the status after some time'],
    ['Update', 'Image cache is being updated. Please view the status after some time'],
    ['Refresh', 'Image cache is being refreshed. Please view the status after some time'],
    ['Purge', 'Image cache is being purged. Please view the status after some time'],
  ] as const)("says so in kube-fledged's words: %s", (operation, is) => {
    expect(processingMessage(operation)).toBe(is);
  });

  it('takes away triggers that were there before the cache was taken up, and says so', () => {
    const { annotations: removed, events } = asked({ annotations: { [annotations.refresh]: '', other: '' } });
    expect(removed).toEqual({ [annotations.refresh]: '' });
    expect(events).toMatchObject([{ type: 'Warning', reason: 'StaleTriggerIgnored' }]);
    expect(asked({ annotations: { [annotations.refresh]: '' }, generation: 2, status: ended() }).annotations).toEqual(
      {},
    );
  });
});

describe('a round ends', () => {
  const missing = { 'node-1': pulling({ state: 'Failed', images: 'fp' }), 'node-2': pulling({ state: 'Ready' }) };
  const end = (nodes: Status['nodes'], seen: Partial<World> = {}) =>
    decide(
      world({
        before: openCache(nodes),
        observed: observed({ nodeList: [], hasAllNodes: false, hasAllJobs: false }),
        ...seen,
      }),
    );

  it.each([
    [
      'Succeeded',
      'All requested images pulled succesfully to respective nodes',
      'Normal',
      { 'node-1': pulling({ state: 'Ready' }) },
    ],
    ['Failed', 'Image pull failed for some images. Please see "failures" section', 'Warning', missing],
    [
      'NoImagesPulledOrDeleted',
      'No images were pulled or deleted because nodeSelector specified did not match any nodes',
      'Normal',
      {},
    ],
    [
      'NoImagesPulledOrDeleted',
      'No images were pulled because none of the matching nodes can be served now: 1 DiskPressure, 2 NotReady',
      'Normal',
      {
        a: pulling({ state: 'Skipped', reason: 'NotReady' }),
        b: pulling({ state: 'Skipped', reason: 'DiskPressure' }),
        c: pulling({ state: 'Skipped', reason: 'NotReady' }),
      },
    ],
    [
      'Succeeded',
      'All requested images pulled succesfully to respective nodes',
      'Normal',
      { a: pulling({ state: 'Skipped', reason: 'NotReady' }), b: pulling({ state: 'Ready' }) },
    ],
  ] as const)('%s: %s', (word, message, type, nodes) => {
    const { status: told, events } = end(nodes);
    expect(told).toMatchObject({ status: word, reason: 'ImageCacheCreate', message, completionTime: noon });
    expect(events).toEqual([{ type, reason: 'ImageCacheCreate', message, key: 'round-1' }]);
  });

  it('not before its last node is settled', () => {
    for (const state of ['Pending', 'Pulling'] as const)
      expect(end({ ...missing, 'node-3': pulling({ state }) }).status?.status ?? 'Processing').toBe('Processing');
  });

  it.each([
    ['Ready', 'True', { Ready: 'True AllImagesPresent', Reconciling: 'False RoundCompleted', Stalled: 'False Ok' }],
    [
      'Failed',
      'False',
      {
        ...{ Ready: 'False PullFailed', Reconciling: 'False RoundCompleted', Stalled: 'True PullFailed' },
        Failing: 'True PullFailed',
      },
    ],
    ['Skipped', 'False', { Ready: 'False NodesSkipped', Reconciling: 'False RoundCompleted', Stalled: 'False Ok' }],
  ] as const)('with conditions for nodes that are %s', (state, _, is) => {
    const told = end({ 'node-1': pulling({ state }) }).status?.conditions ?? [];
    expect(Object.fromEntries(told.map(({ type, status: word, reason }) => [type, `${word} ${reason}`]))).toEqual(is);
    expect(told.every(({ observedGeneration }) => observedGeneration === 1)).toBe(true);
  });

  it.each([
    ['True since it became so, if its nodes have all images', spec(), { status: 'True', lastTransitionTime: noon }],
    [
      'False, if a node lacks an image',
      spec({ lists: [list(['new:1'])] }),
      { status: 'False', reason: 'PullInProgress', lastTransitionTime: noon + 9000 },
    ],
  ])('and in a new one Ready is %s', (_, edited, is) => {
    const { status: told } = end({ 'node-1': pulling({ state: 'Ready' }) });
    const next = asked({ generation: 2, spec: edited, status: told ?? status() }, { now: noon + 9000 }).status
      ?.conditions;
    expect(next?.find(({ type }) => type === 'Ready')).toMatchObject({ ...is, observedGeneration: 2 });
  });

  it('and in a new one Reconciling is True', () => {
    const { status: told } = end({ 'node-1': pulling({ state: 'Ready' }) });
    const edited = spec({ lists: [list(['new:1'])] });
    const next = asked({ generation: 2, spec: edited, status: told ?? status() }, { now: noon + 9000 }).status
      ?.conditions;
    expect(next?.find(({ type }) => type === 'Reconciling')).toMatchObject({
      status: 'True',
      lastTransitionTime: noon + 9000,
      observedGeneration: 2,
    });
  });
});

describe('outside a round', () => {
  const settled = (nodes: Status['nodes'], of: Partial<Status> = {}): ImageCache => {
    const open = openCache(nodes);
    return { ...open, status: { ...open.status, status: 'Succeeded', completionTime: noon, ...of } };
  };

  it('a node that joins gets its Job, and until it is Ready the cache is Processing and not Ready', () => {
    const nodeList = [node(), node({ name: 'node-2', id: 'b2b2b2b2' })];
    const plan = decide(
      world({ before: settled({ 'node-1': pulling({ state: 'Ready' }) }), observed: observed({ nodeList }) }),
    );
    expect(plan.status).toMatchObject({
      status: 'Processing',
      message: 'Images are being pulled on to the nodes. Please view the status after some time',
      completionTime: noon,
      round: { number: 1 },
      nodes: { 'node-2': { state: 'Pulling' } },
    });
    expect(plan.status?.conditions.map(({ type, status: is, reason }) => [type, is, reason])).toEqual([
      ['Ready', 'Unknown', 'NotYetPulled'],
      ['Reconciling', 'True', 'NodesPending'],
      ['Stalled', 'False', 'Ok'],
    ]);
    expect(plan.createJobs).toHaveLength(1);
    expect(plan.events).toEqual([]);
  });

  const joined = (state: 'Ready' | 'Failed') =>
    settled({ 'node-1': pulling({ state: 'Ready' }), 'node-2': pulling({ state, id: 'b2b2b2b2', images: 'fp' }) });
  const both = [node(), node({ name: 'node-2', id: 'b2b2b2b2' })];

  it('a node that fails makes the cache Failed, and one that leaves makes it Succeeded again, each with an Event', () => {
    const failed = decide(world({ before: joined('Failed'), observed: observed({ nodeList: both }) }));
    expect(failed).toMatchObject({
      status: { status: 'Failed', message: 'Image pull failed for some images. Please see "failures" section' },
      events: [{ type: 'Warning', reason: 'ImageCacheCreate' }],
    });
    const before = { ...joined('Failed'), status: failed.status ?? status() };
    expect(decide(world({ before, observed: observed() }))).toMatchObject({
      status: {
        status: 'Succeeded',
        message: 'All requested images pulled succesfully to respective nodes',
        conditions: [{ status: 'True', reason: 'AllImagesPresent' }, { status: 'False' }, { status: 'False' }],
      },
      events: [{ type: 'Normal', reason: 'ImageCacheCreate' }],
    });
  });

  it('a cache that no node matched has succeeded once the first one that joins is Ready', () => {
    const before = settled({ 'node-1': pulling({ state: 'Ready' }) }, { status: 'NoImagesPulledOrDeleted' });
    expect(decide(world({ before })).status).toMatchObject({
      status: 'Succeeded',
      message: 'All requested images pulled succesfully to respective nodes',
    });
  });

  it('a cache whose last node leaves says that no node matches', () => {
    const before = settled({ 'node-1': pulling({ state: 'Ready' }) });
    expect(decide(world({ before, observed: observed({ nodeList: [] }) })).status).toMatchObject({
      status: 'NoImagesPulledOrDeleted',
      message: 'No images were pulled or deleted because nodeSelector specified did not match any nodes',
    });
  });

  it('a purged cache gives no node a Job', () => {
    const purged = settled({}, { round: round({ operation: 'Purge' }) });
    expect(decide(world({ before: purged })).createJobs).toEqual([]);
  });

  it('a cache that is being deleted is finalized', () => {
    expect(asked({ isBeingDeleted: true, generation: 2, status: ended() })).toEqual(emptyPlan);
  });
});

describe('a suspended cache', () => {
  const halted = openCache({ 'node-1': pulling() }, { generation: 2, spec: spec({ suspend: true }) });
  const name = nameOf(openCache({ 'node-1': pulling() }), pulling());
  const seen = observed({ jobs: new Map([[name, { job: job({ name }), pod: undefined }]]) });

  it('ends its round where it stands, and its Jobs go', () => {
    const plan = decide(world({ before: halted, observed: seen }));
    expect(plan).toMatchObject({
      createJobs: [],
      deleteJobs: [{ name, uid: 'job-uid' }],
      status: { status: 'Aborted', observedGeneration: 2 },
    });
    expect(plan.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Reconciling', status: 'False', reason: 'Suspended' }),
    );
  });

  it('is reported once', () => {
    const { status: told = status() } = decide(world({ before: halted, observed: seen }));
    expect(decide(world({ before: { ...halted, status: told } }))).toEqual(emptyPlan);
  });

  it('is left to functions that open rounds', () => {
    expect(decide(world({ before: halted, observed: seen, opens: [] }))).toEqual(emptyPlan);
  });
});
