import { describe, expect, it } from 'vitest';
import { maxChangedObjects, notice, type Verb } from '#model/cache/cloud-event.ts';
import {
  batchOf,
  type Batch,
  type ObservedChange,
  createPendingChanges,
  maxPending,
  type PendingChanges,
} from '../../../sources/queue/pending-changes.ts';
import { changeEvent } from '../../../sources/sink/to-event.ts';

const cache = { namespace: 'apps', name: 'web' };
const podChange = (name: string): ObservedChange => ({
  verb: 'update',
  object: { apiVersion: 'v1', kind: 'Pod', namespace: 'apps', name },
  uid: `uid of ${name}`,
  resourceVersion: '1',
});
const cacheChange = (verb: Verb, resourceVersion: string, uid = 'one'): Batch =>
  batchOf(cache, {
    verb,
    object: { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', ...cache },
    uid,
    resourceVersion,
  });
const gathering = (batches: readonly Batch[]): PendingChanges => {
  const all = createPendingChanges();
  for (const batch of batches) all.add(batch);
  return all;
};
/** The next event for these batches, the oldest first. */
const merged = (...batches: readonly Batch[]): Batch => taken(gathering(batches));
const taken = (from: PendingChanges): Batch => {
  const batch = from.take();
  if (batch === undefined) throw new Error('nothing waits');
  return batch;
};
const pods = (count: number): readonly Batch[] =>
  Array.from({ length: count }, (_, index) => batchOf(cache, podChange(`pod-${index}`)));
const noticed = (batch: Batch) =>
  notice(changeEvent(batch, 'https://api.test', { id: 'x', time: new Date(0), traceparent: '' }));

const namesIn = (batch: Batch): readonly string[] => {
  const told = noticed(batch);
  return 'changed' in told ? (told.changed ?? []).map(({ name }) => name) : [];
};

describe('a merged batch', () => {
  it('names each object once, the latest first', () => {
    const [a, b] = [batchOf(cache, podChange('a')), batchOf(cache, podChange('b'))];
    const both = merged(a, b, a, b, a);
    expect(both.change.object.name).toBe('a');
    expect(both.others).toEqual([b.change.object]);
  });

  it.each([
    { earlier: cacheChange('add', '1'), later: cacheChange('update', '2'), verb: 'add' },
    { earlier: cacheChange('update', '1'), later: cacheChange('delete', '2'), verb: 'delete' },
    { earlier: cacheChange('add', '1'), later: cacheChange('delete', '2'), verb: 'delete' },
    { earlier: cacheChange('delete', '1'), later: cacheChange('add', '2', 'two'), verb: 'add' },
    { earlier: cacheChange('update', '1'), later: cacheChange('update', '2'), verb: 'update' },
  ])(
    'is $verb for $earlier.change.verb followed by $later.change.verb, with the later object',
    ({ earlier, later, verb }) => {
      expect(merged(earlier, later).change).toEqual({ ...later.change, verb });
    },
  );

  it('is named after the cache if one of the changes is its own, so that all its functions are called', () => {
    const [removals, job] = [cacheChange('update', '1'), batchOf(cache, podChange('removal'))];
    for (const both of [merged(removals, job), merged(job, removals)]) {
      expect(both.change).toEqual(removals.change);
      expect(both.others).toEqual([job.change.object]);
    }
    expect(merged(removals, job, cacheChange('update', '2')).change.resourceVersion).toBe('2');
  });
});

describe('the changes that a function reads from events', () => {
  it('are all changed objects, up to the limit', () => {
    const told = noticed(merged(...pods(maxChangedObjects)));
    expect(told).toMatchObject({ type: 'change', cache });
    expect('changed' in told && told.changed).toHaveLength(maxChangedObjects);
  });

  it('continue in the following events, the oldest first', () => {
    const waiting = gathering(pods(maxChangedObjects + 2));
    const named = [taken(waiting), taken(waiting)].map(namesIn);
    expect(named[0]).toHaveLength(maxChangedObjects);
    expect(named[0]).toContain('pod-0');
    const told = Array.from({ length: maxChangedObjects + 2 }, (_, index) => `pod-${index}`);
    expect(named.flat().toSorted()).toEqual([...told, told.at(-1)].toSorted());
    expect(waiting.isEmpty()).toBe(true);
  });

  it('start with the changes of a failed delivery, followed by newer ones', () => {
    const waiting = gathering(pods(maxChangedObjects + 2));
    const first = taken(waiting);
    waiting.add(batchOf(cache, podChange('late')));
    waiting.putBack(first);
    const [again, rest] = [namesIn(taken(waiting)), namesIn(taken(waiting))];
    expect(again).toContain('pod-0');
    expect(rest).toHaveLength(4);
    expect(new Set([...again, ...rest])).toEqual(new Set([...namesIn(first), 'pod-239', 'pod-240', 'late']));
    expect(waiting.isEmpty()).toBe(true);
  });

  it('are the same batch again without newer changes, and none once it is cleared', () => {
    const waiting = gathering(pods(3));
    const first = taken(waiting);
    waiting.putBack(first);
    expect(taken(waiting)).toBe(first);
    waiting.add(first);
    waiting.clear();
    expect(waiting.take()).toBeUndefined();
  });

  it('are all objects when too many changes are pending, also afterwards', () => {
    const waiting = gathering(pods(maxPending + 1));
    waiting.add(batchOf(cache, podChange('more')));
    expect(noticed(taken(waiting))).toMatchObject({ changed: undefined });
    expect(waiting.isEmpty()).toBe(true);
  });

  it('are all objects for an added cache, and the cache alone for a changed one', () => {
    expect(noticed(cacheChange('add', '1'))).toMatchObject({ changed: undefined });
    expect(noticed(cacheChange('update', '1'))).toMatchObject({ changed: [{ kind: 'ImageCache', name: 'web' }] });
  });
});
