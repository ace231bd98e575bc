import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import { decide } from '#model/decide.ts';
import { emptyPlan, isEmpty } from '#model/plan.ts';
import { cache, node, noon, observed, spec, status, world } from '../builders.ts';
import { asked, theirs } from '../decided.ts';

describe("a cache of kube-fledged's", () => {
  it('is taken over as it stands: no round, no Job, its words kept', () => {
    const { status: told, createJobs, events } = asked({ status: theirs() });
    expect(told).toMatchObject({
      ...{ status: 'Succeeded', reason: 'ImageCacheCreate', message: 'told by kube-fledged', startTime: noon - 1000 },
      observedGeneration: 1,
      round: { number: 0, trigger: 'Adopted' },
      nodes: { 'node-1': { state: 'Ready', attempt: 0 } },
      placements: [{ images: ['app:1', 'base:2'] }],
    });
    expect({ createJobs, events }).toEqual({ createJobs: [], events: [] });
  });

  it('keeps its failures, which are keyed by the hostname of nodes, and names the nodes', () => {
    const failures = { 'base:2': [{ node: 'host-1', reason: 'ErrImagePull', message: 'x' }] };
    const nodeList = [node({ labels: { 'kubernetes.io/hostname': 'host-1' } })];
    const { status: told } = asked(
      { status: theirs({ status: 'Failed', failures }) },
      { observed: observed({ nodeList }) },
    );
    expect(told).toMatchObject({
      status: 'Failed',
      message: 'told by kube-fledged',
      failures: { 'base:2': [{ node: 'node-1', reason: 'ErrImagePull', message: 'x' }] },
      nodes: { 'node-1': { state: 'Failed', images: 'pf' } },
    });
    expect(told?.conditions.map(({ type, status: word }) => [type, word])).toEqual([
      ['Ready', 'False'],
      ['Reconciling', 'False'],
      ['Stalled', 'True'],
      ['Failing', 'True'],
    ]);
  });

  it('stays purged when it was', () => {
    const plan = asked({ status: theirs({ reason: 'ImageCachePurge' }) });
    expect(plan).toMatchObject({ createJobs: [], status: { nodes: {}, round: { operation: 'Purge' } } });
    expect(decide(world({ before: cache({ status: plan.status ?? status() }) }))).toEqual(emptyPlan);
  });

  it('has succeeded if the nodes that failed are gone', () => {
    const failures = { 'base:2': [{ node: 'gone', reason: 'ErrImagePull', message: 'x' }] };
    const { status: told } = asked({ status: theirs({ status: 'Failed', failures }) });
    expect(told).toMatchObject({ status: 'Succeeded', failures: {}, nodes: { 'node-1': { state: 'Ready' } } });
  });

  it.each([
    ['failed without a failure', { status: 'Failed', reason: 'OldImageCacheNotFound' }],
    ['has no known result', { status: 'Unknown' }],
    ['could not be validated', { status: 'Failed', reason: 'CacheSpecValidationFailed', failures: {} }],
  ] as const)('is looked at before it counts as Ready if it %s', (_, of) => {
    const { status: next, createJobs } = asked({ status: theirs(of) });
    const round = { number: 0, trigger: 'Adopted' };
    expect(next).toMatchObject({ status: 'Processing', round, nodes: { 'node-1': { state: 'Pulling' } } });
    expect(createJobs).toHaveLength(1);
    const suspended = asked({ spec: spec({ suspend: true }), status: theirs(of) });
    expect([suspended.createJobs, suspended.status?.nodes]).toEqual([[], {}]);
  });

  it('is pulled to nodes that match by now if it matched none', () => {
    const { status: told, createJobs } = asked({ status: theirs({ status: 'NoImagesPulledOrDeleted' }) });
    expect(told).toMatchObject({ status: 'Processing', nodes: { 'node-1': { state: 'Pulling' } } });
    expect(createJobs).toHaveLength(1);
    const suspended = { spec: spec({ suspend: true }), status: theirs({ status: 'NoImagesPulledOrDeleted' }) };
    expect(asked(suspended).createJobs).toEqual([]);
  });

  it.each([
    ['by its status', { status: theirs({ status: 'Processing', reason: 'ImageCachePurge' }) }],
    [
      'by its annotation',
      { status: theirs({ status: 'Aborted', reason: 'ImagePullAborted' }), annotations: { [annotations.purge]: '' } },
    ],
  ] as const)('is purged when it was in the middle of that, %s', (_, of) => {
    expect(asked(of)).toEqual(emptyPlan);
    const plan = asked(of, { opens: ['Purge'], makes: 'removals' });
    expect(plan).toMatchObject({
      annotations: {},
      events: [],
      status: { status: 'Processing', reason: 'ImageCachePurge', removals: { 'node-1': { state: 'Pending' } } },
    });
  });

  it('is pulled again, gently, when it was in the middle of that', () => {
    const nodeList = Array.from({ length: 20 }, (_, index) => node({ name: `n${index}`, id: `id-${index}` }));
    const { status: told, createJobs } = asked(
      { status: theirs({ status: 'Processing' }) },
      { observed: observed({ nodeList }) },
    );
    expect(told).toMatchObject({ reason: 'ImageCacheRefresh', round: { number: 1, trigger: 'Adopted' } });
    expect(createJobs).toHaveLength(2);
  });

  it('is taken over once', () => {
    const plan = asked({ status: theirs() });
    expect(isEmpty(decide(world({ before: cache({ status: plan.status ?? status() }) })))).toBe(true);
  });
});
