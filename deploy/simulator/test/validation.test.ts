import { describe, expect, test } from 'vitest';
import { customCheck } from '../api/schema/custom-check.ts';
import { withDefaults, pruneUnknown } from '../api/schema/structure.ts';
import { labelErrors, metadataErrors } from '../api/schema/field-errors.ts';
import type { Schema } from '../api/schema/schema.ts';

const schema: Schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    metadata: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    spec: {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', maxLength: 5, pattern: '^[a-z]+$' },
        count: { type: 'integer', format: 'int32', minimum: 1 },
        policy: { type: 'string', enum: ['A', 'B'], default: 'A' },
        share: { 'x-kubernetes-int-or-string': true },
        tags: { type: 'array', maxItems: 3, items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        range: {
          type: 'object',
          properties: { from: { type: 'integer' }, to: { type: 'integer' } },
          'x-kubernetes-validations': [
            { rule: '!has(self.from) || !has(self.to) || self.from <= self.to', message: 'from is above to' },
          ],
        },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string' } } },
  },
};

const check = customCheck(schema);
const texts = (spec: unknown): readonly string[] =>
  check({ metadata: { name: 'x' }, spec }, '').map(({ field, detail }) => `${field}: ${detail}`);

describe('a custom resource', () => {
  test.each([
    { spec: { name: 'a' }, says: [] },
    { spec: {}, says: ['spec.name: Required value'] },
    { spec: { name: 5 }, says: ['spec.name: Invalid value: 5: spec.name in body must be string'] },
    {
      spec: { name: 'abcdef' },
      says: ['spec.name: Invalid value: "abcdef": spec.name in body must NOT have more than 5 characters'],
    },
    { spec: { name: 'A' }, says: ['spec.name: Invalid value: "A": spec.name in body must match pattern "^[a-z]+$"'] },
    { spec: { name: 'a', count: 0 }, says: ['spec.count: Invalid value: 0: spec.count in body must be >= 1'] },
    { spec: { name: 'a', policy: 'C' }, says: ['spec.policy: Unsupported value: "C": supported values: "A", "B"'] },
    { spec: { name: 'a', tags: ['x', 'y', 'x'] }, says: ['spec.tags[2]: Duplicate value: "x"'] },
    {
      spec: { name: 'a', tags: ['1', '2', '3', '4'] },
      says: ['spec.tags: Invalid value: spec.tags in body must NOT have more than 3 items'],
    },
    { spec: { name: 'a', share: 5 }, says: [] },
    { spec: { name: 'a', share: '5%' }, says: [] },
    {
      spec: { name: 'a', share: true },
      says: ['spec.share: Invalid value: true: spec.share in body must be integer,string'],
    },
    { spec: { name: 'a', range: { from: 1, to: 2 } }, says: [] },
    { spec: { name: 'a', range: { from: 3, to: 2 } }, says: ['spec.range: Invalid value: from is above to'] },
  ])('$spec: $says', ({ spec, says }) => {
    expect(texts(spec)).toEqual(says);
  });

  test('has only its status checked by a write to the status', () => {
    const errors = check({ metadata: { name: 'x' }, spec: {}, status: { phase: 5 } }, 'status');
    expect(errors[0]).toMatchObject({
      field: 'status.phase',
      detail: 'Invalid value: 5: phase in body must be string',
    });
  });

  test('cannot be defined with CEL that cannot be run', () => {
    const odd: Schema = { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.(', message: '' }] };
    expect(() => customCheck(odd)).toThrow('does not implement the CEL expression');
  });

  test('cannot be defined with a schema that is none', () => {
    expect(() => customCheck({ type: 'object', minLength: -1 })).toThrow('schema is invalid');
  });

  test('gets defaults, and loses nulls that its schema does not allow', () => {
    expect(withDefaults({ spec: { name: null, count: 1 } }, schema)).toEqual({ spec: { count: 1, policy: 'A' } });
  });

  test('loses what its schema does not know, which is named', () => {
    const pruned = pruneUnknown({ spec: { name: 'a', odd: 1, range: { from: 1, other: {} } } }, schema);
    expect(pruned.value).toEqual({ spec: { name: 'a', range: { from: 1 } } });
    expect(pruned.unknown).toEqual(['spec.odd', 'spec.range.other']);
  });
});

describe('metadata', () => {
  test.each([
    { metadata: { name: 'a.b-c' }, fields: [] },
    { metadata: {}, fields: ['metadata.name'] },
    { metadata: { name: 'A' }, fields: ['metadata.name'] },
    { metadata: { name: 'a', annotations: { 'a/b/c': '' } }, fields: ['metadata.annotations'] },
    { metadata: { name: 'a', annotations: { 'a.b/c': 'any text at all' } }, fields: [] },
  ])('$metadata: $fields', ({ metadata, fields }) => {
    expect(metadataErrors({ metadata }, 'subdomain').map(({ field }) => field)).toEqual(fields);
  });

  test.each([
    [{ 'a.b/c': 'd' }, 0],
    [{ a: '' }, 0],
    [{ a: 'b c' }, 1],
    [{ a: 'b'.repeat(64) }, 1],
    [{ ['a'.repeat(64)]: 'b' }, 1],
    [{ '/a': 'b' }, 1],
  ])('labels %j have %i errors', (labels, count) => {
    expect(labelErrors(labels, 'metadata.labels')).toHaveLength(count);
  });
});
