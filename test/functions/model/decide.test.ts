import { describe, expect, it } from 'vitest';
import { annotations } from '#model/api.ts';
import { decide } from '#model/decide.ts';
import type { ImageCache, Status } from '#model/image-cache.ts';
import { emptyPlan, isEmpty } from '#model/plan.ts';
import { nextRound, type RoundRequest } from '#model/next-round.ts';
import { processingMessage } from '#model/round.ts';
import type { World } from '#model/world.ts';
import {
  cache,
  job,
  list,
  node,
  nameOf,
  noon,
  observed,
  openCache,
  pulling,
  round,
  spec,
  status,
  world,
} from './builders.ts';

const asked = (of: Partial<ImageCache>, rest: Partial<World> = {}) => decide(world({ cache: cache(of), ...rest }));

const theirs = (of: Partial<Status> = {}): Status =>
  status({
    status: 'Succeeded',
    reason: 'ImageCacheCreate',
    message: 'told by kube-fledged',
    startTime: noon - 1000,
    ...of,
  });
const ended = (of: Partial<Status> = {}): Status => theirs({ observedGeneration: 1, round: round(), ...of });

describe('which round opens', () => {
  type Row = { readonly when: string; readonly given: Partial<ImageCache>; readonly is: RoundRequest | undefined };
  const create: RoundRequest = { operation: 'Create', trigger: 'Spec' };
  const adopted: RoundRequest = { operation: 'Refresh', trigger: 'Adopted' };
  const purging = { [annotations.purge]: '' };
  const rows: readonly Row[] = [
    { when: 'a new cache', given: {}, is: create },
    { when: 'a new cache, suspended', given: { spec: spec({ suspend: true }) }, is: undefined },
    { when: 'a new cache, being deleted', given: { isBeingDeleted: true }, is: undefined },
    { when: 'one whose generation was seen', given: { status: ended() }, is: undefined },
    { when: 'an edited one', given: { generation: 2, status: ended() }, is: { operation: 'Update', trigger: 'Spec' } },
    {
      when: 'one that is edited while it is processed',
      given: { generation: 2, status: ended({ status: 'Processing' }) },
      is: { operation: 'Update', trigger: 'Spec' },
    },
    {
      when: 'a purged one, edited',
      given: { generation: 2, status: ended({ round: round({ operation: 'Purge' }) }) },
      is: { operation: 'Update', trigger: 'Spec' },
    },
    {
      when: 'one that is asked to refresh',
      given: { annotations: { [annotations.refresh]: 'now' }, status: ended() },
      is: {
        ...{ operation: 'Refresh', trigger: 'Annotation' },
        annotation: { annotation: annotations.refresh, value: 'now' },
      },
    },
    {
      when: 'one that is asked to refresh while a round is open',
      given: { annotations: { [annotations.refresh]: '' }, status: ended({ status: 'Processing' }) },
      is: undefined,
    },
    {
      when: 'one whose request has been answered and is only to be taken away',
      given: {
        annotations: { [annotations.refresh]: '' },
        status: ended({ round: round({ pendingRemoval: { annotation: annotations.refresh, value: '' } }) }),
      },
      is: undefined,
    },
    {
      when: 'one whose token is new',
      given: { annotations: { [annotations.refreshRequestedAt]: 'b' }, status: ended({ lastHandledRefreshAt: 'a' }) },
      is: { operation: 'Refresh', trigger: 'Annotation' },
    },
    {
      when: 'one whose token has been handled',
      given: { annotations: { [annotations.refreshRequestedAt]: 'a' }, status: ended({ lastHandledRefreshAt: 'a' }) },
      is: undefined,
    },
    {
      when: 'one whose refresh is due',
      given: { status: ended({ nextRefreshTime: noon }) },
      is: { operation: 'Refresh', trigger: 'Schedule' },
    },
    {
      when: 'one whose refresh is not due yet',
      given: { status: ended({ nextRefreshTime: noon + 1 }) },
      is: undefined,
    },
    {
      when: 'one whose refresh is due, suspended',
      given: { spec: spec({ suspend: true }), status: ended({ nextRefreshTime: noon }) },
      is: undefined,
    },
    {
      when: 'a purged one whose refresh would be due',
      given: { status: ended({ nextRefreshTime: noon, round: round({ operation: 'Purge' }) }) },
      is: undefined,
    },
    {
      when: 'an edited one that is asked to refresh',
      given: { generation: 2, annotations: { [annotations.refresh]: '' }, status: ended() },
      is: { operation: 'Update', trigger: 'Spec' },
    },
    { when: "kube-fledged's, succeeded", given: { status: theirs() }, is: undefined },
    { when: "kube-fledged's, failed", given: { status: theirs({ status: 'Failed' }) }, is: undefined },
    { when: "kube-fledged's, processing", given: { status: theirs({ status: 'Processing' }) }, is: adopted },
    {
      when: "kube-fledged's, aborted",
      given: { status: theirs({ status: 'Aborted', reason: 'ImagePullAborted' }) },
      is: adopted,
    },
    {
      when: "kube-fledged's, purging",
      given: { status: theirs({ status: 'Processing', reason: 'ImageCachePurge' }) },
      is: undefined,
    },
    {
      when: "kube-fledged's, aborted while it was to be purged",
      given: { annotations: purging, status: theirs({ status: 'Aborted', reason: 'ImagePullAborted' }) },
      is: undefined,
    },
  ];
  it.each(rows)('for $when', ({ given, is }) => {
    expect(nextRound(cache(given), noon)).toEqual(is);
  });

  it('only at a door that may open it', () => {
    expect(asked({}, { opens: [] })).toEqual(emptyPlan);
    expect(asked({}, { opens: ['Annotation', 'Schedule'] })).toEqual(emptyPlan);
    expect(asked({ status: theirs() }, { opens: [] })).toEqual(emptyPlan);
  });
});

describe('a round that opens', () => {
  it('is numbered, claims its nodes, and remembers what it will place, all in one write', () => {
    const failures = { 'app:1': [{ node: 'node-1', reason: 'ErrImagePull', message: 'of the round before' }] };
    const before = ended({ round: round({ number: 4 }), failures, completionTime: noon - 1 });
    const { status: told, create } = asked({ status: before, generation: 2 });
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
      placed: [{ images: ['app:1', 'base:2'], sinceGeneration: 2 }],
    });
    expect(create).toHaveLength(1);
  });

  it.each([
    ['Ready', { state: 'Ready', attempt: 0 }],
    ['Failed', { state: 'Pulling', attempt: 1, failed: [], singly: false, copy: true }],
    ['Pulling', { state: 'Pulling', attempt: 1, failed: [], singly: false, copy: true }],
    ['Skipped', { state: 'Pulling', attempt: 1, failed: [], singly: false, copy: true }],
  ] as const)('begins a node anew that was %s, unless it has all', (state, is) => {
    const before = { attempt: 3, failed: [1], todo: [1], singly: true, copy: true, state };
    const { nodes } = openCache({ 'node-1': pulling(state === 'Ready' ? { state, attempt: 3 } : before) }).status;
    expect(asked({ generation: 2, status: ended({ nodes }) }).status?.nodes['node-1']).toMatchObject(is);
  });

  it('remembers every list that was ever placed, once', () => {
    const lists = [list(['b:1', 'a:1']), list(['c:1'])];
    const placed = [
      { ...list(['a:1', 'b:1']), sinceGeneration: 1 },
      { ...list(['gone:1']), sinceGeneration: 1 },
    ];
    const opened = asked({ generation: 2, spec: spec({ lists }), status: ended({ placed }) }).status;
    expect(opened?.placed.map(({ images, sinceGeneration }) => [images, sinceGeneration])).toEqual([
      [['a:1', 'b:1'], 1],
      [['gone:1'], 1],
      [['c:1'], 2],
    ]);
  });

  it('remembers no more lists than a status has room for, the newest first', () => {
    const big = (name: string) =>
      list(Array.from({ length: 3000 }, (_, index) => `registry.example.com/${name}:${index}`));
    const placed = [{ ...big('old'), sinceGeneration: 1 }];
    const kept = asked({ generation: 2, spec: spec({ lists: [big('new')] }), status: ended({ placed }) }).status
      ?.placed;
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
  const missing = { 'node-1': pulling({ state: 'Failed', failed: [0] }), 'node-2': pulling({ state: 'Ready' }) };
  const end = (nodes: Status['nodes'], seen: Partial<World> = {}) =>
    decide(
      world({
        cache: openCache(nodes),
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
    ['Failed', 'False', { Ready: 'False PullFailed', Reconciling: 'False RoundCompleted', Stalled: 'True PullFailed' }],
    ['Skipped', 'True', { Ready: 'True NoMatchingNodes', Reconciling: 'False RoundCompleted', Stalled: 'False Ok' }],
  ] as const)('with conditions for nodes that are %s', (state, _, is) => {
    const told = end({ 'node-1': pulling({ state }) }).status?.conditions ?? [];
    expect(Object.fromEntries(told.map(({ type, status: word, reason }) => [type, `${word} ${reason}`]))).toEqual(is);
    expect(told.every(({ observedGeneration }) => observedGeneration === 1)).toBe(true);
  });

  it('and a new one leaves Ready as it was, with the time at which it became so', () => {
    const { conditions = [] } = end({ 'node-1': pulling({ state: 'Ready' }) }).status ?? {};
    const next = asked({ generation: 2, status: ended({ conditions }) }, { now: noon + 9000 }).status?.conditions;
    expect(next).toContainEqual(conditions.find(({ type }) => type === 'Ready'));
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
    return { ...open, status: { ...open.status, status: 'Succeeded', ...of } };
  };

  it('a node that joins gets its Job, and the word of the last round stays', () => {
    const nodeList = [node(), node({ name: 'node-2', id: 'b2b2b2b2' })];
    const plan = decide(
      world({ cache: settled({ 'node-1': pulling({ state: 'Ready' }) }), observed: observed({ nodeList }) }),
    );
    expect(plan.status).toMatchObject({
      status: 'Succeeded',
      round: { number: 1 },
      nodes: { 'node-2': { state: 'Pulling' } },
    });
    expect(plan.create).toHaveLength(1);
    expect(plan.events).toEqual([]);
  });

  it('a purged cache gives no node a Job', () => {
    const purged = settled({}, { round: round({ operation: 'Purge' }) });
    expect(decide(world({ cache: purged })).create).toEqual([]);
  });

  it('a cache that is being deleted is let go', () => {
    expect(asked({ isBeingDeleted: true, generation: 2, status: ended() })).toEqual(emptyPlan);
  });
});

describe("a cache of kube-fledged's", () => {
  it('is taken over as it stands: no round, no Job, its words kept', () => {
    const { status: told, create, events } = asked({ status: theirs() });
    expect(told).toMatchObject({
      ...{ status: 'Succeeded', reason: 'ImageCacheCreate', message: 'told by kube-fledged', startTime: noon - 1000 },
      observedGeneration: 1,
      round: { number: 0, trigger: 'Adopted' },
      nodes: { 'node-1': { state: 'Ready', attempt: 0 } },
      placed: [{ images: ['app:1', 'base:2'] }],
    });
    expect({ create, events }).toEqual({ create: [], events: [] });
  });

  it('keeps its failures, told by the hostname of nodes', () => {
    const failures = { 'base:2': [{ node: 'host-1', reason: 'ErrImagePull', message: 'x' }] };
    const nodeList = [node({ labels: { 'kubernetes.io/hostname': 'host-1' } })];
    const { status: told } = asked(
      { status: theirs({ status: 'Failed', failures }) },
      { observed: observed({ nodeList }) },
    );
    expect(told).toMatchObject({ status: 'Failed', failures, nodes: { 'node-1': { state: 'Failed', failed: [1] } } });
    expect(told?.conditions.map(({ type, status: word }) => [type, word])).toEqual([
      ['Ready', 'False'],
      ['Reconciling', 'False'],
      ['Stalled', 'True'],
    ]);
  });

  it('stays purged when it was', () => {
    const plan = asked({ status: theirs({ reason: 'ImageCachePurge' }) });
    expect(plan).toMatchObject({ create: [], status: { nodes: {}, round: { operation: 'Purge' } } });
    expect(decide(world({ cache: cache({ status: plan.status ?? status() }) }))).toEqual(emptyPlan);
  });

  it('is called aborted when it was in the middle of a purge', () => {
    expect(asked({ status: theirs({ status: 'Processing', reason: 'ImageCachePurge' }) }).status).toMatchObject({
      status: 'Aborted',
      completionTime: noon,
    });
  });

  it('is pulled again, gently, when it was in the middle of that', () => {
    const nodeList = Array.from({ length: 20 }, (_, index) => node({ name: `n${index}`, id: `id-${index}` }));
    const { status: told, create } = asked(
      { status: theirs({ status: 'Processing' }) },
      { observed: observed({ nodeList }) },
    );
    expect(told).toMatchObject({ reason: 'ImageCacheRefresh', round: { number: 1, trigger: 'Adopted' } });
    expect(create).toHaveLength(2);
  });

  it('is taken over once', () => {
    const plan = asked({ status: theirs() });
    expect(isEmpty(decide(world({ cache: cache({ status: plan.status ?? status() }) })))).toBe(true);
  });
});

describe('a suspended cache', () => {
  const halted = openCache({ 'node-1': pulling() }, { generation: 2, spec: spec({ suspend: true }) });
  const name = nameOf(openCache({ 'node-1': pulling() }), pulling());
  const seen = observed({ jobs: new Map([[name, { job: job({ name }), pod: undefined }]]) });

  it('ends its round where it stands, and its Jobs go', () => {
    const plan = decide(world({ cache: halted, observed: seen }));
    expect(plan).toMatchObject({
      create: [],
      remove: [{ name, uid: 'job-uid' }],
      status: { status: 'Aborted', observedGeneration: 2 },
    });
    expect(plan.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Reconciling', status: 'False', reason: 'Suspended' }),
    );
  });

  it('is told so once', () => {
    const { status: told = status() } = decide(world({ cache: halted, observed: seen }));
    expect(decide(world({ cache: { ...halted, status: told } }))).toEqual(emptyPlan);
  });

  it('is left to those who open rounds', () => {
    expect(decide(world({ cache: halted, observed: seen, opens: [] }))).toEqual(emptyPlan);
  });
});
