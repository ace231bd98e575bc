import { type FieldError, type Steps, fieldPath } from '../status-error.ts';
import { isDeepStrictEqual } from 'node:util';
import { at, isList, isObject, type JsonObject, objectAt, textAt } from '../../json.ts';
import { type Schema, schemaOfField } from './schema.ts';

const shown = (value: unknown): string => JSON.stringify(value);

/** Kubernetes' own texts for what is wrong with a field. */
export const required = (field: string): FieldError => ({
  field,
  reason: 'FieldValueRequired',
  detail: 'Required value',
});

export const invalidValue = (field: string, value: unknown, why: string): FieldError =>
  invalidWithoutValue(field, `${shown(value)}: ${why}`);

/** For values that are too large or of no use in a message. */
export const invalidWithoutValue = (field: string, why: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  detail: `Invalid value: ${why}`,
});

export const unsupported = (field: string, value: unknown, supported: readonly unknown[]): FieldError => ({
  field,
  reason: 'FieldValueNotSupported',
  detail: `Unsupported value: ${shown(value)}: supported values: ${supported.map(shown).join(', ')}`,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  field,
  reason: 'FieldValueDuplicate',
  detail: `Duplicate value: ${shown(value)}`,
});

export const forbiddenField = (field: string, why: string): FieldError => ({
  field,
  reason: 'FieldValueForbidden',
  detail: `Forbidden: ${why}`,
});

/** The identity of a list item: the item itself in a set, its keys in a map; undefined in other lists. */
const identityOf = (item: unknown, list: Schema): unknown => {
  if (list['x-kubernetes-list-type'] === 'set') return item;
  if (list['x-kubernetes-list-type'] !== 'map') return undefined;
  const keys = list['x-kubernetes-list-map-keys'] ?? [];
  return Object.fromEntries(keys.map((key) => [key, at(item, key)]));
};

const seenBefore = (items: readonly unknown[], schema: Schema, steps: Steps): readonly FieldError[] => {
  if (identityOf(items[0], schema) === undefined) return [];
  const plain = new Set<unknown>();
  const complex: unknown[] = [];
  return items.flatMap((item, index) => {
    const identity = identityOf(item, schema);
    const isKnown = isObject(identity)
      ? complex.some((other) => isDeepStrictEqual(other, identity))
      : plain.has(identity);
    if (isObject(identity)) complex.push(identity);
    else plain.add(identity);
    return isKnown ? [duplicate(fieldPath([...steps, index]), identity)] : [];
  });
};

/** The items that are twice in lists which are sets or maps. */
export const duplicates = (value: unknown, schema: Schema | undefined, steps: Steps = []): readonly FieldError[] => {
  if (schema === undefined) return [];
  if (isList(value))
    return [
      ...seenBefore(value, schema, steps),
      ...value.flatMap((item, index) => duplicates(item, schema.items, [...steps, index])),
    ];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([field, inner]) =>
    duplicates(inner, schemaOfField(schema, field), [...steps, field]),
  );
};

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?' as const;
const key = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]' as const;

const names = {
  subdomain: { form: new RegExp(String.raw`^${label}(\.${label})*$`), limit: 253 },
  label: { form: new RegExp(`^${label}$`), limit: 63 },
} as const;

export type NameForm = keyof typeof names;

export const nameErrors = (field: string, name: string, form: NameForm): readonly FieldError[] => {
  const { form: pattern, limit } = names[form];
  return [
    ...(name.length > limit ? [invalidValue(field, name, `must be no more than ${limit} characters`)] : []),
    ...(pattern.test(name) ? [] : [invalidValue(field, name, `a lowercase RFC 1123 ${form} must match ${pattern}`)]),
  ];
};

/** A key of a label or annotation: a name of at most 63 characters, after a domain if there is one. */
const isKey = (text: string): boolean => {
  const [name = '', domain, ...others] = text.split('/').toReversed();
  const hasForm = name.length <= 63 && new RegExp(`^${key}$`).test(name);
  return hasForm && others.length === 0 && (domain === undefined || nameErrors('', domain, 'subdomain').length === 0);
};

const keyErrors = (map: JsonObject, field: string): readonly FieldError[] =>
  Object.keys(map)
    .filter((name) => !isKey(name))
    .map((name) => invalidValue(field, name, 'must be a qualified name'));

/** What is wrong with labels at a field. */
export const labelErrors = (labels: JsonObject, field: string): readonly FieldError[] => [
  ...keyErrors(labels, field),
  ...Object.values(labels)
    .filter((value) => String(value).length > 63 || !new RegExp(`^(${key})?$`).test(String(value)))
    .map((value) => invalidValue(field, value, 'must be a valid label value')),
];

/** What Kubernetes demands of any object's name, labels and annotations. */
export const metadataErrors = (object: JsonObject, form: NameForm): readonly FieldError[] => {
  const name = textAt(object, 'metadata', 'name');
  return [
    ...(name === '' ? [required('metadata.name')] : nameErrors('metadata.name', name, form)),
    ...labelErrors(objectAt(object, 'metadata', 'labels'), 'metadata.labels'),
    ...keyErrors(objectAt(object, 'metadata', 'annotations'), 'metadata.annotations'),
  ];
};
