import { describe, expect, test } from 'vitest';
import { jsonPatch, mergePatch, strategicMerge } from '../api/patch/patch.ts';

describe('a JSON patch', () => {
  const object = { a: { b: 1, list: [1, 2] } };

  test.each([
    { when: 'adds', patch: [{ op: 'add', path: '/a/c', value: 2 }], becomes: { a: { b: 1, list: [1, 2], c: 2 } } },
    { when: 'appends', patch: [{ op: 'add', path: '/a/list/-', value: 3 }], becomes: { a: { b: 1, list: [1, 2, 3] } } },
    { when: 'replaces', patch: [{ op: 'replace', path: '/a/b', value: 2 }], becomes: { a: { b: 2, list: [1, 2] } } },
    {
      when: 'replaces what is not there, as the API server does',
      patch: [{ op: 'replace', path: '/a/c', value: 2 }],
      becomes: { a: { b: 1, list: [1, 2], c: 2 } },
    },
    { when: 'removes', patch: [{ op: 'remove', path: '/a/list/0' }], becomes: { a: { b: 1, list: [2] } } },
    {
      when: 'tests and goes on',
      patch: [
        { op: 'test', path: '/a/b', value: 1 },
        { op: 'remove', path: '/a/b' },
      ],
      becomes: { a: { list: [1, 2] } },
    },
  ])('$when', ({ patch, becomes }) => {
    expect(jsonPatch(object, patch)).toEqual(becomes);
  });

  test.each([
    {
      when: 'a test fails',
      patch: [
        { op: 'remove', path: '/a/b' },
        { op: 'test', path: '/a/list', value: [] },
      ],
    },
    { when: 'there is nothing to remove', patch: [{ op: 'remove', path: '/a/c' }] },
    { when: 'the place to add to is missing', patch: [{ op: 'add', path: '/x/y', value: 1 }] },
    { when: 'the operation is unknown', patch: [{ op: 'odd', path: '/a' }] },
  ])('changes nothing where $when', ({ patch }) => {
    expect(() => jsonPatch(object, patch)).toThrow('the server rejected our request due to an error in our request');
    expect(object).toEqual({ a: { b: 1, list: [1, 2] } });
  });
});

describe('a merge patch', () => {
  test('merges objects, replaces lists, removes what is null', () => {
    const patched = mergePatch({ a: { b: 1, c: 2 }, list: [1, 2] }, { a: { b: null, d: 3 }, list: [3] });
    expect(patched).toEqual({ a: { c: 2, d: 3 }, list: [3] });
  });
});

describe('a strategic merge patch', () => {
  test('uncordons and taints a node', () => {
    const patched = strategicMerge(
      { spec: { unschedulable: true, taints: [{ key: 'a' }] } },
      { spec: { unschedulable: null, taints: [{ key: 'b' }] } },
    );
    expect(patched).toEqual({ spec: { taints: [{ key: 'b' }] } });
  });

  test.each([
    { field: 'containers', spec: { containers: [{ name: 'one', image: 'a:2' }] } },
    { field: '$retainKeys', spec: { strategy: { $retainKeys: ['type'] } } },
  ])('with $field is not implemented', ({ field, spec }) => {
    expect(() => strategicMerge({}, { spec })).toThrow(`does not implement ${field} in a strategic merge patch`);
  });
});
