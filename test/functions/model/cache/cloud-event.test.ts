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
const told = { type: 'change', verb: 'update', object: job, cache: undefined, changed: [job] };
const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', namespace: 'apps', name });

describe('the notice of an event', () => {
  it('is a tick, whatever else it carries', () => {
    expect(notice({ type: tickType, kind: 3, data: 'x' })).toEqual({ type: 'tick' });
  });

  it.each(['add', 'update', 'delete'] as const)('tells %s, by reference as with the object in it', (verb) => {
    for (const type of [changeType(verb), `dev.knative.apiserver.resource.${verb}`])
      expect(notice({ ...event, type })).toEqual({ ...told, verb });
  });

  it('names the cache of an ImageCache by itself, and of others as the sender says', () => {
    const own = { ...event, kind: 'ImageCache', apiversion: 'kubefledged.io/v1alpha2' };
    expect(notice(own)).toMatchObject({ cache: { namespace: 'apps', name: 'j' } });
    expect(notice({ ...event, cache: 'apps/web' })).toMatchObject({ cache: { namespace: 'apps', name: 'web' } });
    for (const cache of ['web', '/web', 'apps/', 'a/b/c', 3])
      expect(notice({ ...event, cache })).toMatchObject({ cache: undefined });
  });

  it('needs no namespace for a Node', () => {
    const node = { type: event.type, kind: 'Node', apiversion: 'v1', name: 'n' };
    expect(notice(node)).toMatchObject({ object: { kind: 'Node', namespace: '', name: 'n' } });
  });

  it('names all that changed with it', () => {
    expect(notice({ ...event, data: { changed: [pod('a'), pod('b')] } })).toMatchObject({
      changed: [job, pod('a'), pod('b')],
    });
    expect(notice({ ...event, data: { changed: [] } })).toMatchObject({ changed: [job] });
  });

  it('asks for everything where it can not be said what changed', () => {
    const many = Array.from({ length: maxChangedObjects + 1 }, (_, index) => pod(`p${index}`));
    for (const changed of [many, 'all', undefined, null, [pod('a'), { kind: 'Pod' }], [pod('')]])
      expect(notice({ ...event, data: { changed } })).toMatchObject({ changed: undefined });
    expect(notice({ ...event, data: { changed: many.slice(1) } })).toMatchObject({ changed: [job, ...many.slice(1)] });
  });

  it('believes nothing of an object that comes along', () => {
    for (const data of [{ kind: 'Secret', metadata: { name: 'x' } }, 'text', 7, null])
      expect(notice({ ...event, data })).toEqual(told);
  });

  it.each([
    ['a type of others', { ...event, type: 'com.example.x' }, 'unknown event type "com.example.x"'],
    [
      'a verb of others',
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
      'a namespace that is none',
      { ...event, namespace: 7 },
      'extensions kind, name and apiversion must be non-empty strings, namespace a string',
    ],
  ])('is invalid with %s, and says why', (_, of, reason) => {
    expect(notice(of)).toEqual({ type: 'invalid', reason });
  });

  it('quotes no more of a type than fits a line', () => {
    const refused = notice({ type: 'x'.repeat(10_000) });
    expect(refused.type === 'invalid' && refused.reason.length).toBeLessThan(200);
  });
});

describe('an event goes to', () => {
  it.each([
    ['ImageCache', ['reconcile', 'refresh', 'purge']],
    ['Job', ['job-complete']],
    ['Pod', ['job-complete']],
    ['Node', ['reconcile']],
    ['Secret', []],
    ['', []],
  ])('%s: %j', (kind, is) => {
    expect(routes(kind, false)).toEqual(is);
    expect(functionNames).toEqual(expect.arrayContaining(is));
  });
});
