import { type JsonObject, at, compact, isList, isObject, objectAt } from '../../json.ts';
import { type Schema, emptyToUndefined, schemaOfField } from '../schema/schema.ts';

/**
 * The fields of an object as managedFields count them: by path, with what is there as JSON ('' where only membership
 * counts). The steps of a path are written as in FieldsV1 (`f:spec`, `k:{"type":"Ready"}`, `v:"a:1"`).
 */
export type FieldValues = ReadonlyMap<string, string>;
export type FieldSet = ReadonlySet<string>;

const separator = '\n' as const;

export const stepsOf = (path: string): readonly string[] => path.split(separator);
const pathOf = (steps: readonly string[]): string => steps.join(separator);

/** The step to an item of a set or map list; undefined in lists that are owned as a whole. */
export const itemStep = (item: unknown, list: Schema | undefined): string | undefined => {
  if (list?.['x-kubernetes-list-type'] === 'set') return `v:${JSON.stringify(item)}`;
  if (list?.['x-kubernetes-list-type'] !== 'map') return undefined;
  const keys = [...(list['x-kubernetes-list-map-keys'] ?? [])].sort();
  return `k:${JSON.stringify(Object.fromEntries(keys.map((key) => [key, at(item, key)])))}`;
};

export const isAtomicMap = (schema: Schema | undefined): boolean => schema?.['x-kubernetes-map-type'] === 'atomic';

const add = (
  values: Map<string, string>,
  value: unknown,
  schema: Schema | undefined,
  steps: readonly string[],
): void => {
  if (isObject(value) && !isAtomicMap(schema)) {
    addFields(values, value, schema, steps);
    return;
  }
  if (isList(value) && ['set', 'map'].includes(schema?.['x-kubernetes-list-type'] ?? '')) {
    for (const item of value) {
      const at = [...steps, itemStep(item, schema) ?? ''];
      values.set(pathOf(at), '');
      if (isObject(item)) add(values, item, schema?.items, at);
    }
    return;
  }
  values.set(pathOf(steps), JSON.stringify(value));
};

const addFields = (
  values: Map<string, string>,
  object: JsonObject,
  schema: Schema | undefined,
  steps: readonly string[],
): void => {
  for (const [field, inner] of Object.entries(object)) {
    const at = [...steps, `f:${field}`];
    const isDeclared = Object.hasOwn(schema?.properties ?? {}, field);
    const isEmpty = isObject(inner) && Object.keys(inner).length === 0;
    if (isEmpty || (!isDeclared && isObject(inner))) values.set(pathOf(at), '');
    add(values, inner, schema && schemaOfField(schema, field), at);
  }
};

/** What only the API server writes is nobody's. */
const unowned = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generateName',
];

const ownable = (object: JsonObject, subresource: string, hasStatus: boolean): JsonObject => {
  if (subresource === 'status') return { status: object['status'] };
  const metadata = Object.fromEntries(
    Object.entries(objectAt(object, 'metadata')).filter(([field]) => !unowned.includes(field)),
  );
  return compact({
    ...object,
    apiVersion: undefined,
    kind: undefined,
    metadata: emptyToUndefined(metadata),
    status: hasStatus ? undefined : object['status'],
  });
};

/** The fields that somebody can own by a write to an object or its status. */
export const fieldValues = (
  object: JsonObject,
  schema: Schema,
  { subresource, hasStatus }: { readonly subresource: string; readonly hasStatus: boolean },
): FieldValues => {
  const values = new Map<string, string>();
  add(values, ownable(object, subresource, hasStatus), schema, []);
  values.delete('');
  return values;
};

type Tree = Map<string, Tree>;

const json = (tree: Tree): JsonObject => Object.fromEntries([...tree].map(([step, inner]) => [step, json(inner)]));

/** A set of fields as FieldsV1 writes it. */
export const fieldsV1 = (set: FieldSet): JsonObject => {
  const root: Tree = new Map();
  const reach = (steps: readonly string[]): Tree => {
    let tree = root;
    for (const step of steps) {
      const inner = tree.get(step) ?? new Map<string, Tree>();
      tree.set(step, inner);
      tree = inner;
    }
    return tree;
  };
  for (const path of set) reach(stepsOf(path));
  // An owned field with owned fields inside says so with a dot.
  for (const path of set) {
    const tree = reach(stepsOf(path));
    if (tree.size > 0) tree.set('.', new Map());
  }
  return json(root);
};

/** Parses FieldsV1. */
export const parseFieldsV1 = (fields: unknown): FieldSet => {
  const set = new Set<string>();
  const visit = (tree: unknown, steps: readonly string[]): void => {
    const inner = Object.entries(isObject(tree) ? tree : {});
    if (steps.length > 0 && (inner.length === 0 || inner.some(([step]) => step === '.'))) set.add(pathOf(steps));
    for (const [step, below] of inner) if (step !== '.') visit(below, [...steps, step]);
  };
  visit(fields, []);
  return set;
};

const shownStep = (step: string): string => {
  if (step.startsWith('f:')) return `.${step.slice(2)}`;
  if (step.startsWith('v:')) return `[=${step.slice(2)}]`;
  const keys: unknown = JSON.parse(step.slice(2));
  const shown = Object.entries(isObject(keys) ? keys : {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `[${shown.join(',')}]`;
};

/** A path for people: `.spec.cacheSpec[type="x"].a`. */
export const shownPath = (path: string): string => stepsOf(path).map(shownStep).join('');
