import { describe, expect, it } from 'vitest';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { skipReason, type Node } from '#model/node/node.ts';
import { podTolerations } from '#model/node/tolerations.ts';
import { gateOffEvents, gateRelease } from '#model/desired/warm-gate.ts';
import { list, node, noon, openCache, pulling, settings, spec } from '../builders.ts';

const key = 'example.com/cold';
const cold = { key, value: '', effect: 'NoSchedule' };
const other = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };
const warmGate = { taintKey: key, timeoutSeconds: 600 };
const gated = spec({ warmGate });

/** A gated cache whose ledger says this of node-1. */
const gate = (entry: Partial<LedgerEntry> | undefined, of: Partial<ImageCache> = {}): ImageCache => {
  const cache = openCache({}, { spec: gated, ...of });
  const nodes = entry === undefined ? {} : { 'node-1': pulling(entry, cache) };
  return { ...cache, status: { ...cache.status, nodes } };
};
const ready = gate({ state: 'Ready' });
const busy = gate({ state: 'Pulling' });

const released = (
  caches: readonly ImageCache[],
  of: Partial<Node> = {},
  seconds = 60,
  keys: readonly string[] = [key],
) =>
  gateRelease(node({ taints: [cold], labels: { a: 'b' }, ...of }), {
    caches,
    settings: settings({ warmGateTaints: keys }),
    now: noon + seconds * 1000,
  });

describe('the warm gate', () => {
  it.each<{
    when: string;
    caches: readonly ImageCache[];
    is: 'warm' | 'cold' | 'held';
    of?: Partial<Node>;
    after?: number;
  }>([
    { when: 'its images are there', caches: [ready], is: 'warm' },
    { when: 'they are being pulled', caches: [busy], is: 'held' },
    { when: 'nobody has looked at it yet', caches: [gate(undefined)], is: 'held' },
    { when: 'one of two caches is not ready', caches: [ready, busy], is: 'held' },
    { when: 'both are', caches: [ready, gate({ state: 'Ready' }, { name: 'second' })], is: 'warm' },
    { when: 'images failed', caches: [gate({ state: 'Failed', failedImages: [0] })], is: 'held' },
    { when: 'it is skipped', caches: [gate({ state: 'Skipped', reason: 'DiskPressure' })], is: 'held' },
    {
      when: 'what is there was wanted before an edit',
      caches: [gate({ state: 'Ready', desiredHash: 'old' })],
      is: 'held',
    },
    { when: 'another machine of its name was ready', caches: [gate({ state: 'Ready', id: 'old' })], is: 'held' },
    { when: 'its time is not yet up', caches: [busy], after: 599.9, is: 'held' },
    { when: 'its time is up', caches: [busy], after: 600, is: 'cold' },
    { when: 'it became ready late', caches: [ready], after: 3600, is: 'warm' },
    { when: 'one of two is late', caches: [ready, busy], after: 600, is: 'cold' },
    {
      when: 'the other one has more time',
      caches: [busy, gate({ state: 'Pulling' }, { spec: spec({ warmGate: { taintKey: key, timeoutSeconds: 900 } }) })],
      after: 600,
      is: 'held',
    },
    { when: 'the cache is suspended', caches: [{ ...busy, spec: { ...gated, suspend: true } }], is: 'cold' },
    { when: 'the cache is being deleted', caches: [{ ...busy, isBeingDeleted: true }], is: 'cold' },
    {
      when: 'no list selects it',
      caches: [{ ...busy, spec: { ...gated, lists: [list(['a:1'], { nodeSelector: { b: 'c' } })] } }],
      is: 'cold',
    },
    { when: 'the cache has no gate', caches: [{ ...busy, spec: spec() }], is: 'cold' },
    {
      when: 'the cache is gated by another taint',
      caches: [{ ...busy, spec: spec({ warmGate: { ...warmGate, taintKey: 'x' } }) }],
      is: 'cold',
    },
    { when: 'there is no cache', caches: [], is: 'cold' },
    { when: 'no cache selects it yet, as it is not Ready', caches: [], of: { isReady: false }, is: 'held' },
    {
      when: 'no cache selects it yet, as its cloud still labels it',
      caches: [],
      of: { taints: [cold, { ...cold, key: 'node.cloudprovider.kubernetes.io/uninitialized' }] },
      is: 'held',
    },
    {
      when: 'no cache selects it yet, as Karpenter still labels it',
      caches: [],
      of: { taints: [cold, { ...cold, key: 'karpenter.sh/unregistered' }] },
      is: 'held',
    },
    { when: 'it runs Windows and is never served', caches: [busy], of: { operatingSystem: 'windows' }, is: 'cold' },
    { when: 'it is being deleted', caches: [ready], of: { isBeingDeleted: true }, is: 'held' },
    { when: 'it does not bear the taint', caches: [ready], of: { taints: [other] }, is: 'held' },
  ])('of a node: $is where $when', ({ caches, is, of, after }) => {
    const found = released(caches, of, after);
    expect(found === undefined ? 'held' : found.isWarm ? 'warm' : 'cold').toBe(is);
  });

  it('is not opened by a purged cache, nor held', () => {
    const purged = {
      ...busy,
      status: {
        ...busy.status,
        round: {
          number: 2,
          operation: 'Purge',
          trigger: 'Annotation',
          generation: 1,
          startTime: noon,
          requestedBy: undefined,
        } as const,
      },
    };
    expect(released([purged])?.isWarm).toBe(false);
  });

  it('is nobody’s where the operator names no taint, or another', () => {
    expect(released([ready], {}, 60, [])).toBeUndefined();
    expect(released([ready], {}, 60, ['example.com/other'])).toBeUndefined();
  });

  it('takes every taint of the key, last first, if they are where they were on this very node, and says that it is warm', () => {
    expect(released([ready], { taints: [cold, other, { ...cold, effect: 'NoExecute' }] })?.patch).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'uid-of-node-1' },
      { op: 'test', path: '/spec/taints/2/key', value: key },
      { op: 'remove', path: '/spec/taints/2' },
      { op: 'test', path: '/spec/taints/0/key', value: key },
      { op: 'remove', path: '/spec/taints/0' },
      { op: 'add', path: '/metadata/labels/kubefledged.io~1warm', value: 'true' },
    ]);
    expect(released([ready], { labels: {} })?.patch.at(-1)).toEqual({
      op: 'add',
      path: '/metadata/labels',
      value: { 'kubefledged.io/warm': 'true' },
    });
  });

  it('tells the caches that did not make it in time, and only those, and sets no label', () => {
    const late = gate({ state: 'Skipped', reason: 'DiskPressure' }, { name: 'late' });
    const found = released([ready, late], {}, 700);
    expect(found?.late).toEqual([
      {
        cache: late,
        event: {
          type: 'Warning',
          reason: 'WarmGateTimeout',
          message: 'Node node-1 was let go after 600 s without all images of this cache: Skipped, DiskPressure',
          key: 'a1a1a1a1',
        },
      },
    ]);
    expect(found?.patch.map(({ op }) => op)).toEqual(['test', 'test', 'remove']);
    expect(released([gate(undefined)], {}, 700)?.late[0]?.event.message).toMatch(/not begun$/);
  });

  it('of two taints opens the one that nothing holds', () => {
    const keys = [key, 'example.com/second'];
    const second = { ...ready, spec: spec({ warmGate: { ...warmGate, taintKey: 'example.com/second' } }) };
    const taints = [cold, { ...cold, key: 'example.com/second' }];
    expect(released([busy, second], { taints }, 60, keys)?.patch[1]).toMatchObject({ path: '/spec/taints/1/key' });
  });

  it('that the operator has not switched on is told', () => {
    expect(gateOffEvents(busy, settings())).toMatchObject([{ reason: 'WarmGateOff' }]);
    expect(gateOffEvents(busy, settings({ warmGateTaints: [key] }))).toEqual([]);
    expect(gateOffEvents({ ...busy, spec: spec() }, settings())).toEqual([]);
  });
});

describe('pull Pods of a gated cache', () => {
  it('tolerate its taint even where they tolerate nothing else', () => {
    const only = podTolerations(spec({ warmGate, tolerations: [] }));
    expect(only).toEqual([{ key, operator: 'Exists' }]);
    expect(skipReason(node({ taints: [cold] }), only)).toBeUndefined();
    expect(skipReason(node({ taints: [cold, other] }), only)).toBe('TaintNotTolerated');
  });

  it('tolerate what they did before where there is no gate, or where they tolerate everything', () => {
    expect(podTolerations(spec({ tolerations: [] }))).toEqual([]);
    expect(podTolerations(spec({ warmGate }))).toBeUndefined();
  });
});
