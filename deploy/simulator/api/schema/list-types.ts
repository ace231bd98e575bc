import { isDeepStrictEqual } from 'node:util';
import { at, isList, isObject } from '../../json.ts';
import { type Steps, fieldPath } from '../field-path.ts';
import type { FieldError } from '../status-error.ts';
import { duplicate } from './field-errors.ts';
import { type Schema, schemaOfField } from './schema.ts';

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
