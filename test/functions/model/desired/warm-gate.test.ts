import { describe, expect, it } from 'vitest';
import type { ImageCache, Spec } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { skipReason, type Node, pullRules } from '#model/node/node.ts';
import { gateOffEvents, gateRelease } from '#model/desired/warm-gate.ts';
import { cache, list, node, noon, openCache, pulling, settings, spec } from '../builders.ts';

const key = 'example.com/cold';
const cold = { key, value: '', effect: 'NoSchedule' };
const other = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };
const warmGate = { taintKey: key, timeoutSeconds: 600 };
const gated = spec({ warmGate });

/** A gated cache with this ledger entry for node-1. */
const gate = (entry: Partial<LedgerEntry> | undefined, of: Partial<ImageCache> = {}): ImageCache => {
  const cache = openCache({}, { spec: gated, ...of });
  const nodes = entry === undefined ? {} : { 'node-1': pulling(entry, cache) };
  return { ...cache, status: { ...cache.status, nodes } };
};
const ready = gate({ state: 'Ready' });
const waiting = gate({ state: 'Pulling' });

const releaseOf = (
  caches: readonly ImageCache[],
  of: Partial<Node> = {},
  seconds = 60,
  keys: readonly string[] = [key],
) =>
  gateRelease(
    node({ taints: [cold], labels: { a: 'b' }, ...of }),
    caches,
    settings({ warmGateTaints: keys }),
    noon + seconds * 1000,
  );

describe('the warm gate', () => {
  it.each<{
    when: string;
    caches: readonly ImageCache[];
    outcome: 'warm' | 'cold' | 'held';
    of?: Partial<Node>;
    after?: number;
  }>([
    { when: 'all images are on the node', caches: [ready], outcome: 'warm' },
    { when: 'images are being pulled', caches: [waiting], outcome: 'held' },
    {
      when: 'its images are there, and are opened for other Pods',
      caches: [gate({ state: 'Pending', opening: 'Noop', images: 'Wp', noop: 'p' })],
      outcome: 'held',
    },
    { when: 'the ledger has no entry', caches: [gate(undefined)], outcome: 'held' },
    { when: 'one of two caches is not ready', caches: [ready, waiting], outcome: 'held' },
    { when: 'both caches are ready', caches: [ready, gate({ state: 'Ready' }, { name: 'second' })], outcome: 'warm' },
    { when: 'pulls failed', caches: [gate({ state: 'Failed', images: 'fp' })], outcome: 'held' },
    { when: 'the node is skipped', caches: [gate({ state: 'Skipped', reason: 'DiskPressure' })], outcome: 'held' },
    {
      when: 'the node is ready for the spec before an edit',
      caches: [gate({ state: 'Ready', desiredHash: 'old' })],
      outcome: 'held',
    },
    { when: 'another machine with its name was ready', caches: [gate({ state: 'Ready', id: 'old' })], outcome: 'held' },
    { when: 'the timeout is not reached', caches: [waiting], after: 599.9, outcome: 'held' },
    { when: 'the timeout is reached', caches: [waiting], after: 600, outcome: 'cold' },
    { when: 'it became ready after the timeout', caches: [ready], after: 3600, outcome: 'warm' },
    { when: 'one of two caches timed out', caches: [ready, waiting], after: 600, outcome: 'cold' },
    {
      when: 'the other cache has a longer timeout',
      caches: [
        waiting,
        gate({ state: 'Pulling' }, { spec: spec({ warmGate: { taintKey: key, timeoutSeconds: 900 } }) }),
      ],
      after: 600,
      outcome: 'held',
    },
    { when: 'the cache is suspended', caches: [{ ...waiting, spec: { ...gated, suspend: true } }], outcome: 'cold' },
    { when: 'the cache is being deleted', caches: [{ ...waiting, isBeingDeleted: true }], outcome: 'cold' },
    {
      when: 'no list selects the node',
      caches: [{ ...waiting, spec: { ...gated, lists: [list(['a:1'], { nodeSelector: { b: 'c' } })] } }],
      outcome: 'cold',
    },
    { when: 'the cache has no gate', caches: [{ ...waiting, spec: spec() }], outcome: 'cold' },
    {
      when: 'the cache has another taint key',
      caches: [{ ...waiting, spec: spec({ warmGate: { ...warmGate, taintKey: 'x' } }) }],
      outcome: 'cold',
    },
    { when: 'there is no cache', caches: [], outcome: 'cold' },
    { when: 'no cache selects the node and it is not Ready', caches: [], of: { isReady: false }, outcome: 'held' },
    {
      when: 'no cache selects the node and its cloud provider has not initialized it',
      caches: [],
      of: { taints: [cold, { ...cold, key: 'node.cloudprovider.kubernetes.io/uninitialized' }] },
      outcome: 'held',
    },
    {
      when: 'no cache selects the node and Karpenter has not registered it',
      caches: [],
      of: { taints: [cold, { ...cold, key: 'karpenter.sh/unregistered' }] },
      outcome: 'held',
    },
    { when: 'the node runs Windows', caches: [waiting], of: { operatingSystem: 'windows' }, outcome: 'cold' },
    {
      when: 'the node is opted out',
      caches: [waiting],
      of: { labels: { 'kubefledged.io/skip': 'true' } },
      outcome: 'cold',
    },
    { when: 'the node is being deleted', caches: [ready], of: { isBeingDeleted: true }, outcome: 'held' },
    { when: 'the node does not have the taint', caches: [ready], of: { taints: [other] }, outcome: 'held' },
  ])('is $outcome when $when', ({ caches, outcome, of, after }) => {
    const release = releaseOf(caches, of, after);
    expect(release === undefined ? 'held' : release.isWarm ? 'warm' : 'cold').toBe(outcome);
  });

  it('ignores purged caches', () => {
    const purged = {
      ...waiting,
      status: {
        ...waiting.status,
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
    expect(releaseOf([purged])?.isWarm).toBe(false);
  });

  it('ignores taints that the operator has not enabled', () => {
    expect(releaseOf([ready], {}, 60, [])).toBeUndefined();
    expect(releaseOf([ready], {}, 60, ['example.com/other'])).toBeUndefined();
  });

  it('removes every taint with the key, last first, if node and taints are unchanged, and sets the label', () => {
    expect(releaseOf([ready], { taints: [cold, other, { ...cold, effect: 'NoExecute' }] })?.patch).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'uid-of-node-1' },
      { op: 'test', path: '/spec/taints/2/key', value: key },
      { op: 'remove', path: '/spec/taints/2' },
      { op: 'test', path: '/spec/taints/0/key', value: key },
      { op: 'remove', path: '/spec/taints/0' },
      { op: 'add', path: '/metadata/labels/kubefledged.io~1warm', value: 'true' },
    ]);
    expect(releaseOf([ready], { labels: {} })?.patch.at(-1)).toEqual({
      op: 'add',
      path: '/metadata/labels',
      value: { 'kubefledged.io/warm': 'true' },
    });
  });

  it('records an Event only for caches that timed out, and sets no label', () => {
    const late = gate({ state: 'Skipped', reason: 'DiskPressure' }, { name: 'late' });
    const release = releaseOf([ready, late], {}, 700);
    expect(release?.late).toEqual([
      {
        cache: late,
        event: {
          type: 'Warning',
          reason: 'WarmGateTimeout',
          message:
            'The startup taint of node node-1 was removed after 600 s without all images of this cache: Skipped, DiskPressure',
          key: 'a1a1a1a1',
        },
      },
    ]);
    expect(release?.patch.map(({ op }) => op)).toEqual(['test', 'test', 'remove']);
    expect(releaseOf([gate(undefined)], {}, 700)?.late[0]?.event.message).toMatch(/not started$/);
  });

  it('removes the taint for which no cache waits', () => {
    const keys = [key, 'example.com/second'];
    const second = { ...ready, spec: spec({ warmGate: { ...warmGate, taintKey: 'example.com/second' } }) };
    const taints = [cold, { ...cold, key: 'example.com/second' }];
    expect(releaseOf([waiting, second], { taints }, 60, keys)?.patch[1]).toMatchObject({ path: '/spec/taints/1/key' });
  });

  it('is reported as off if the operator has not enabled its taint', () => {
    expect(gateOffEvents(waiting, settings())).toMatchObject([{ reason: 'WarmGateOff' }]);
    expect(gateOffEvents(waiting, settings({ warmGateTaints: [key] }))).toEqual([]);
    expect(gateOffEvents({ ...waiting, spec: spec() }, settings())).toEqual([]);
  });
});

describe('pull Pods of a gated cache', () => {
  const rulesOf = (of: Partial<Spec>) => pullRules(cache({ spec: spec(of) }), settings({ unschedulable: 'Skip' }));

  it('tolerate its taint even if they tolerate no other', () => {
    const rules = rulesOf({ warmGate, tolerations: [] });
    expect(rules.tolerations).toEqual([{ key, operator: 'Exists' }]);
    expect(skipReason(node({ taints: [cold] }), rules)).toBeUndefined();
    expect(skipReason(node({ taints: [cold, other] }), rules)).toBe('TaintNotTolerated');
  });

  it('have unchanged tolerations without a gate, or if they tolerate everything', () => {
    expect(rulesOf({ tolerations: [] }).tolerations).toEqual([]);
    expect(rulesOf({ warmGate }).tolerations).toBeUndefined();
  });
});
