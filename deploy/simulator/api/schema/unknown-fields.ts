import { type JsonObject, isList, isObject } from '../../json.ts';
import { type Schema, keepsUnknown, schemaOfField } from './schema.ts';

export type Pruned = { readonly value: unknown; readonly unknown: readonly string[] };

const pruneList = (items: readonly unknown[], schema: Schema, path: string): Pruned => {
  const pruned = items.map((item, index) => pruneUnknown(item, schema.items, `${path}[${index}]`));
  return { value: pruned.map(({ value }) => value), unknown: pruned.flatMap(({ unknown }) => unknown) };
};

const pruneObject = (object: JsonObject, schema: Schema, path: string): Pruned => {
  const kept: [string, unknown][] = [];
  const unknown: string[] = [];
  for (const [field, value] of Object.entries(object)) {
    const inner = schemaOfField(schema, field);
    const at = path === '' ? field : `${path}.${field}`;
    if (inner === undefined && !keepsUnknown(schema)) {
      unknown.push(at);
      continue;
    }
    const pruned = pruneUnknown(value, inner, at);
    kept.push([field, pruned.value]);
    unknown.push(...pruned.unknown);
  }
  return { value: Object.fromEntries(kept), unknown };
};

/** A value without the fields that its schema does not know, and the paths of those. */
export const pruneUnknown = (value: unknown, schema: Schema | undefined, path = ''): Pruned => {
  if (schema === undefined || schema['x-kubernetes-int-or-string'] === true) return { value, unknown: [] };
  if (isList(value)) return pruneList(value, schema, path);
  if (isObject(value) && (schema.type === 'object' || schema.properties !== undefined))
    return pruneObject(value, schema, path);
  return { value, unknown: [] };
};
