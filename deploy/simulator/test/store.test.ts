import { describe, expect, test } from 'vitest';
import { kubeObject } from '../api/kube-object.ts';
import { createStore } from '../api/store.ts';

const object = (name: string, text = '') => kubeObject({ metadata: { name, namespace: 'n' }, text });

describe('the store', () => {
  test('gives every change a higher version', () => {
    const store = createStore(100, 10);
    const first = store.put('k', object('a'));
    const second = store.put('other', object('a'));
    expect([first, second].map(({ metadata }) => metadata['resourceVersion'])).toEqual(['101', '102']);
  });

  test('tells what has changed since a version, with what was there before', () => {
    const store = createStore(0, 10);
    store.put('k', object('a'));
    store.put('k', object('a', 'new'));
    store.remove('k', object('a', 'new'));
    expect(store.since('k', 1)?.map(({ type, version, previous }) => [type, version, previous?.['text']])).toEqual([
      ['MODIFIED', 2, ''],
      ['DELETED', 3, 'new'],
    ]);
  });

  test('lists as it was at an earlier version', () => {
    const store = createStore(0, 10);
    store.put('k', object('b'));
    store.put('k', object('a'));
    store.remove('k', object('b'));
    store.put('k', object('a', 'new'));
    const names = (version: number) =>
      store.listAt('k', version)?.map(({ metadata, text }) => [metadata['name'], text]);
    expect(names(2)).toEqual([
      ['a', ''],
      ['b', ''],
    ]);
    expect(names(4)).toEqual([['a', 'new']]);
  });

  test('forgets what is older than its history', () => {
    const store = createStore(0, 4);
    for (let count = 0; count < 6; count += 1) store.put('k', object('a', String(count)));
    expect(store.since('k', 1)).toBeUndefined();
    expect(store.since('k', 5)).toHaveLength(1);
    expect(store.since('quiet', 0)).toEqual([]);
  });
});
