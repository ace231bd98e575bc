import { describe, expect, it } from 'vitest';
import { changeType, functionNames, maxChangedObjects, notice, routes, tickType } from '#model/cache/cloud-event.ts';

const job = { apiVersion: 'batch/v1', kind: 'Job', namespace: 'apps', name: 'j' };
const event = {
  type: 'dev.knative.apiserver.ref.update',
  kind: 'Job',
  apiversion: 'batch/v1',
  namespace: 'apps',
  name: 'j',
};
const change = { type: 'change', verb: 'update', object: job, cache: undefined, changed: [job] };
const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', namespace: 'apps', name });

describe('notice', () => {
  it('is a tick for the tick type, whatever the data', () => {
    expect(notice({ type: tickType, kind: 3, data: 'x' })).toEqual({ type: 'tick' });
  });

  it.each(['add', 'update', 'delete'] as const)('has the verb %s, for reference and resource events', (verb) => {
    for (const type of [changeType(verb), `dev.knative.apiserver.resource.${verb}`])
      expect(notice({ ...event, type })).toEqual({ ...change, verb });
  });

  it('has the ImageCache itself as the cache, for other kinds that of the extension', () => {
    const imageCache = { ...event, kind: 'ImageCache', apiversion: 'kubefledged.io/v1alpha2' };
    expect(notice(imageCache)).toMatchObject({ cache: { namespace: 'apps', name: 'j' } });
    expect(notice({ ...event, cache: 'apps/web' })).toMatchObject({ cache: { namespace: 'apps', name: 'web' } });
    for (const cache of ['web', '/web', 'apps/', 'a/b/c', 3])
      expect(notice({ ...event, cache })).toMatchObject({ cache: undefined });
  });

  it('says of an ImageCache whether its source is another one than ours, which adds the cache', () => {
    const imageCache = { ...event, kind: 'ImageCache', apiversion: 'kubefledged.io/v1alpha2' };
    expect(notice(imageCache)).toMatchObject({ isFromElsewhere: true });
    expect(notice({ ...imageCache, cache: 'apps/j' })).not.toHaveProperty('isFromElsewhere');
  });

  it('accepts a Node without a namespace', () => {
    const node = { type: event.type, kind: 'Node', apiversion: 'v1', name: 'n' };
    expect(notice(node)).toMatchObject({ object: { kind: 'Node', namespace: '', name: 'n' } });
  });

  it('lists all changed objects', () => {
    expect(notice({ ...event, data: { changed: [pod('a'), pod('b')] } })).toMatchObject({
      changed: [job, pod('a'), pod('b')],
    });
    expect(notice({ ...event, data: { changed: [] } })).toMatchObject({ changed: [job] });
  });

  it('requires observing everything if the list of changes is invalid or too long', () => {
    const many = Array.from({ length: maxChangedObjects + 1 }, (_, index) => pod(`p${index}`));
    for (const changed of [many, 'all', undefined, null, [pod('a'), { kind: 'Pod' }], [pod('')]])
      expect(notice({ ...event, data: { changed } })).toMatchObject({ changed: undefined });
    expect(notice({ ...event, data: { changed: many.slice(1) } })).toMatchObject({ changed: [job, ...many.slice(1)] });
  });

  it('ignores an object in the data', () => {
    for (const data of [{ kind: 'Secret', metadata: { name: 'x' } }, 'text', 7, null])
      expect(notice({ ...event, data })).toEqual(change);
  });

  it.each([
    ['a foreign type', { ...event, type: 'com.example.x' }, 'unknown event type "com.example.x"'],
    [
      'an unknown verb',
      { ...event, type: 'dev.knative.apiserver.ref.get' },
      'unknown event type "dev.knative.apiserver.ref.get"',
    ],
    [
      'no name',
      { ...event, name: '' },
      'extensions kind, name and apiversion must be non-empty strings, namespace a string',
    ],
    [
      'no kind',
      { ...event, kind: undefined },
      'extensions kind, name and apiversion must be non-empty strings, namespace a string',
    ],
    [
      'a namespace that is no string',
      { ...event, namespace: 7 },
      'extensions kind, name and apiversion must be non-empty strings, namespace a string',
    ],
  ])('is invalid with %s, and has the reason', (_, attributes, reason) => {
    expect(notice(attributes)).toEqual({ type: 'invalid', reason });
  });

  it('truncates an unknown type in the reason', () => {
    const invalid = notice({ type: 'x'.repeat(10_000) });
    expect(invalid.type === 'invalid' && invalid.reason.length).toBeLessThan(200);
  });
});

describe('routes', () => {
  it.each([
    ['ImageCache', ['reconcile', 'refresh', 'purge']],
    ['Job', ['job-complete']],
    ['Pod', ['job-complete']],
    ['Node', ['reconcile']],
    ['Secret', []],
    ['', []],
  ])('of %s are %j', (kind, functions) => {
    expect(routes(kind, false)).toEqual(functions);
    expect(functionNames).toEqual(expect.arrayContaining(functions));
  });
});
