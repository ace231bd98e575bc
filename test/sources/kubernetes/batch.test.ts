import { describe, expect, it } from 'vitest';
import { mostChangedObjects, notice, type Verb } from '#model/cloud-event.ts';
import {
  batchOf,
  merged,
  mostWaiting,
  split,
  type Batch,
  type ObservedChange,
} from '../../../sources/kubernetes/batch.ts';
import { changeEvent } from '../../../sources/to-event.ts';

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
const podsNamed = (count: number): Batch =>
  Array.from({ length: count }, (_, index) => batchOf(cache, podChange(`pod-${index}`))).reduce(merged);
const noticed = (batch: Batch) =>
  notice(changeEvent(batch, 'https://api.test', { id: 'x', time: new Date(0), traceparent: '' }));

describe('merging', () => {
  it('names each object once, the latest first', () => {
    const [a, b] = [batchOf(cache, podChange('a')), batchOf(cache, podChange('b'))];
    const both = [a, b, a, b, a].reduce(merged);
    expect(both.change.object.name).toBe('a');
    expect(both.others).toEqual([b.change.object]);
  });

  it.each([
    { earlier: cacheChange('add', '1'), later: cacheChange('update', '2'), verb: 'add' },
    { earlier: cacheChange('update', '1'), later: cacheChange('delete', '2'), verb: 'delete' },
    { earlier: cacheChange('add', '1'), later: cacheChange('delete', '2'), verb: 'delete' },
    { earlier: cacheChange('delete', '1'), later: cacheChange('add', '2', 'two'), verb: 'add' },
    { earlier: cacheChange('update', '1'), later: cacheChange('update', '2'), verb: 'update' },
  ])('makes $verb of $earlier.change.verb and $later.change.verb, as of the later', ({ earlier, later, verb }) => {
    expect(merged(earlier, later).change).toEqual({ ...later.change, verb });
  });

  it('is named after the cache where one change is its own, so that all whom it concerns are asked', () => {
    const [removals, job] = [cacheChange('update', '1'), batchOf(cache, podChange('removal'))];
    for (const both of [merged(removals, job), merged(job, removals)]) {
      expect(both.change).toEqual(removals.change);
      expect(both.others).toEqual([job.change.object]);
    }
    expect(merged(merged(removals, job), cacheChange('update', '2')).change.resourceVersion).toBe('2');
  });
});

describe('read back by a function', () => {
  it('names all that changed, up to the limit', () => {
    const told = noticed(podsNamed(mostChangedObjects));
    expect(told).toMatchObject({ type: 'change', cache });
    expect('changed' in told && told.changed).toHaveLength(mostChangedObjects);
  });

  it('names the rest in the events after it, the oldest first', () => {
    const { next, rest } = split(podsNamed(mostChangedObjects + 2));
    const named = [next, rest ?? next].map((batch) => {
      const told = noticed(batch);
      return 'changed' in told ? (told.changed ?? []).map(({ name }) => name) : [];
    });
    expect(named[0]).toHaveLength(mostChangedObjects);
    expect(named[0]).toContain('pod-0');
    const pods = Array.from({ length: mostChangedObjects + 2 }, (_, index) => `pod-${index}`);
    expect(named.flat().toSorted()).toEqual([...pods, pods.at(-1)].toSorted());
    expect(split(podsNamed(mostChangedObjects)).rest).toBeUndefined();
  });

  it('means everything when too many wait, and stays so', () => {
    expect(noticed(podsNamed(mostWaiting + 1))).toMatchObject({ changed: undefined });
    expect(noticed(merged(podsNamed(mostWaiting + 1), batchOf(cache, podChange('more'))))).toMatchObject({
      changed: undefined,
    });
    expect(split(podsNamed(mostWaiting + 1)).rest).toBeUndefined();
  });

  it('means everything for a cache that was added, and the cache alone for one that changed', () => {
    expect(noticed(cacheChange('add', '1'))).toMatchObject({ changed: undefined });
    expect(noticed(cacheChange('update', '1'))).toMatchObject({ changed: [{ kind: 'ImageCache', name: 'web' }] });
  });
});
