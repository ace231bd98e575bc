import { describe, expect, test } from 'vitest';
import { appliedTo, withoutField } from '../../../deploy/simulator/api/patch/apply-merge.ts';
import {
  fieldValues,
  fieldsV1,
  parseFieldsV1,
  shownPath,
  stepsOf,
} from '../../../deploy/simulator/api/patch/field-set.ts';
import { wholeSchema } from '../../../deploy/simulator/api/schema/schema.ts';

const schema = wholeSchema({
  type: 'object',
  properties: {
    status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    spec: {
      type: 'object',
      properties: {
        plain: { type: 'array', items: { type: 'string' } },
        set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        map: { type: 'object', additionalProperties: { type: 'string' } },
        whole: { type: 'object', additionalProperties: { type: 'string' }, 'x-kubernetes-map-type': 'atomic' },
        items: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
          items: { type: 'object', properties: { type: { type: 'string' }, status: { type: 'string' } } },
        },
      },
    },
  },
});

const object = {
  apiVersion: 'v1',
  kind: 'K',
  metadata: { name: 'n', uid: 'u', labels: { a: 'b' } },
  spec: {
    plain: ['x'],
    set: ['a', 'b'],
    map: { k: 'v' },
    whole: { k: 'v' },
    items: [{ type: 'Ready', status: 'True' }],
  },
  status: { a: 1 },
};

const owned = { subresource: '', hasStatus: true } as const;

describe('the fields of an object', () => {
  test('are told as managedFields tells them: lists and maps by their kind, nothing that only the server writes', () => {
    expect(fieldsV1(new Set(fieldValues(object, schema, owned).keys()))).toEqual({
      'f:metadata': { 'f:labels': { 'f:a': {} } },
      'f:spec': {
        'f:plain': {},
        'f:set': { 'v:"a"': {}, 'v:"b"': {} },
        'f:map': { 'f:k': {} },
        'f:whole': {},
        'f:items': { 'k:{"type":"Ready"}': { '.': {}, 'f:type': {}, 'f:status': {} } },
      },
    });
  });

  test('are read again as they were told', () => {
    const set = new Set(fieldValues(object, schema, owned).keys());
    expect(parseFieldsV1(fieldsV1(set))).toEqual(set);
  });

  test('of a write to the status are those of the status', () => {
    const fields = fieldValues(object, schema, { subresource: 'status', hasStatus: true });
    expect([...fields.keys()].map(shownPath)).toEqual(['.status.a']);
  });

  test('are shown as conflicts show them', () => {
    expect([...fieldValues(object, schema, owned).keys()].map(shownPath)).toEqual(
      expect.arrayContaining(['.spec.plain', '.spec.set[="a"]', '.spec.items[type="Ready"].status']),
    );
  });
});

describe('applying', () => {
  const applied = (spec: object): unknown => appliedTo(object.spec, spec, schema.properties?.['spec']);

  test.each([
    { when: 'a set is united', spec: { set: ['c', 'a'] }, becomes: { set: ['a', 'b', 'c'] } },
    { when: 'a plain list is replaced', spec: { plain: ['y'] }, becomes: { plain: ['y'] } },
    { when: 'a map is merged', spec: { map: { l: 'w' } }, becomes: { map: { k: 'v', l: 'w' } } },
    { when: 'an atomic map is replaced', spec: { whole: { l: 'w' } }, becomes: { whole: { l: 'w' } } },
    {
      when: 'a list of maps is merged by its keys',
      spec: {
        items: [
          { type: 'Other', status: 'False' },
          { type: 'Ready', status: 'False' },
        ],
      },
      becomes: {
        items: [
          { type: 'Ready', status: 'False' },
          { type: 'Other', status: 'False' },
        ],
      },
    },
  ])('$when', ({ spec, becomes }) => {
    expect(applied(spec)).toEqual({ ...object.spec, ...becomes });
  });

  test.each([
    { path: 'f:spec\nf:plain', gone: ['spec', 'plain'] },
    { path: 'f:spec\nf:map\nf:k', gone: ['spec', 'map', 'k'] },
  ])('$path can be taken out', ({ path, gone }) => {
    expect(withoutField(object, stepsOf(path))).not.toHaveProperty(gone);
  });

  test('an item of a set and one of a list of maps can be taken out', () => {
    expect(withoutField(object, stepsOf('f:spec\nf:set\nv:"a"'))).toHaveProperty(['spec', 'set'], ['b']);
    expect(withoutField(object, stepsOf('f:spec\nf:items\nk:{"type":"Ready"}'))).toHaveProperty(['spec', 'items'], []);
  });
});
