import { isDeepStrictEqual } from 'node:util';
import { type JsonObject, at, isList, isObject, listAt, textAt } from '../../json.ts';
import { type Schema, schemaOfField } from '../schema/schema.ts';
import { badRequest } from '../status-error.ts';

const directive = /^\$(setElementOrder|deleteFromPrimitiveList)\/(.+)$/;

const isMerged = (schema: Schema | undefined): boolean =>
  schema?.['x-kubernetes-patch-strategy']?.split(',').includes('merge') ?? false;

/** Items in the wished order; those it does not name stay behind the one they followed. */
const ordered = (
  items: readonly unknown[],
  wished: readonly unknown[],
  key: string | undefined,
): readonly unknown[] => {
  if (wished.length === 0) return items;
  const id = (item: unknown): unknown => (key === undefined ? item : at(item, key));
  const place = (item: unknown): number => wished.findIndex((one) => isDeepStrictEqual(id(one), id(item)));
  const named = items.filter((item) => place(item) >= 0).sort((left, right) => place(left) - place(right));
  return [...named, ...items.filter((item) => place(item) < 0)];
};

const mergedMaps = (
  old: readonly unknown[],
  patch: readonly unknown[],
  key: string,
  schema: Schema | undefined,
): readonly unknown[] => {
  let items = old;
  for (const change of patch) {
    if (!isObject(change) || change[key] === undefined)
      throw badRequest(`map: ${JSON.stringify(change)} does not contain declared merge key: ${key}`);
    const index = items.findIndex((item) => isDeepStrictEqual(at(item, key), change[key]));
    if (change['$patch'] === 'delete') items = items.filter((_, place) => place !== index);
    else if (index < 0) items = [...items, mergeObject({}, change, schema)];
    else {
      const current = items[index];
      const merged =
        change['$patch'] === 'replace' ? change : mergeObject(isObject(current) ? current : {}, change, schema);
      items = items.with(index, merged);
    }
  }
  return items;
};

const mergeList = (
  old: readonly unknown[],
  patch: readonly unknown[],
  schema: Schema | undefined,
): readonly unknown[] => {
  const isReplaced = patch.some((change) => textAt(change, '$patch') === 'replace');
  const changes = patch.filter((change) => textAt(change, '$patch') !== 'replace');
  if (!isMerged(schema) || isReplaced) return changes;
  const key = schema?.['x-kubernetes-patch-merge-key'];
  if (key !== undefined) return mergedMaps(old, changes, key, schema?.items);
  return [...old, ...changes.filter((value) => !old.includes(value))];
};

/** Where a patch says $retainKeys, the rest of the union goes. */
const retained = (old: JsonObject, patch: JsonObject): JsonObject => {
  const keys = patch['$retainKeys'];
  if (!isList(keys)) return old;
  return Object.fromEntries(Object.entries(old).filter(([field]) => keys.includes(field)));
};

const plainFields = (patch: JsonObject): (readonly [string, unknown])[] =>
  Object.entries(patch).filter(([field]) => !field.startsWith('$'));

const mergeField = (old: unknown, change: unknown, schema: Schema | undefined): unknown => {
  if (isList(change)) return mergeList(isList(old) ? old : [], change, schema);
  return isObject(change) ? mergeObject(isObject(old) ? old : {}, change, schema) : change;
};

/** The lists that directives of one kind name, by field. */
const directives = (patch: JsonObject, kind: string): (readonly [string, readonly unknown[]])[] =>
  Object.entries(patch).flatMap(([name, values]) => {
    const [, found, field] = directive.exec(name) ?? [];
    return found === kind && field !== undefined && isList(values) ? [[field, values]] : [];
  });

const mergeObject = (old: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject => {
  if (patch['$patch'] === 'replace') return Object.fromEntries(plainFields(patch));
  if (patch['$patch'] === 'delete') return {};
  const fields = new Map<string, unknown>(Object.entries(retained(old, patch)));
  const list = (field: string): readonly unknown[] => listAt({ list: fields.get(field) }, 'list');
  const inner = (field: string): Schema | undefined => schema && schemaOfField(schema, field);
  for (const [field, values] of directives(patch, 'deleteFromPrimitiveList'))
    if (fields.has(field))
      fields.set(
        field,
        list(field).filter((value) => !values.includes(value)),
      );
  for (const [field, change] of plainFields(patch))
    if (change === null) fields.delete(field);
    else fields.set(field, mergeField(fields.get(field), change, inner(field)));
  for (const [field, values] of directives(patch, 'setElementOrder'))
    if (fields.has(field))
      fields.set(field, ordered(list(field), values, inner(field)?.['x-kubernetes-patch-merge-key']));
  return Object.fromEntries(fields);
};

/** Kubernetes' own merge patch: lists with a merge key are merged item by item. */
export const strategicMerge = (object: JsonObject, patch: unknown, schema: Schema): unknown => {
  if (!isObject(patch)) throw badRequest('error decoding patch: a strategic merge patch is an object');
  return mergeObject(object, patch, schema);
};
