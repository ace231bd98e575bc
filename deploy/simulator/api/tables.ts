import { type JsonObject, objectAt, at, isList, isObject } from '../json.ts';
import type { KubeObject } from './kube-object.ts';
import type { Resource } from './resource.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The metadata of an object, without the rest. */
export const metadataOnly = (object: JsonObject): JsonObject => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: objectAt(object, 'metadata'),
});

const definitions = (resource: Resource): readonly JsonObject[] =>
  resource.columns.map(({ name, type, format, priority, description }) => ({
    name,
    type,
    format: format ?? (name === 'Name' ? 'name' : ''),
    description: description ?? '',
    priority,
  }));

const included = (object: KubeObject, include: IncludeObject): JsonObject => {
  if (include === 'None') return { object: null };
  return { object: include === 'Object' ? object : metadataOnly(object) };
};

/** Objects as a table, which kubectl prints: one row each. */
export const tableOf = (
  resource: Resource,
  objects: readonly KubeObject[],
  {
    metadata,
    now,
    include,
    isHeadless = false,
  }: {
    readonly metadata: JsonObject;
    readonly now: number;
    readonly include: IncludeObject;
    readonly isHeadless?: boolean;
  },
): JsonObject => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  ...(isHeadless ? { columnDefinitions: [] } : { columnDefinitions: definitions(resource) }),
  rows: objects.map((object) => ({
    cells: resource.columns.map(({ cell }) => cell(object, now) ?? null),
    ...included(object, include),
  })),
});

const units = [
  ['y', 2 * 365 * 86_400, 365 * 86_400],
  ['d', 2 * 86_400, 86_400],
  ['h', 3 * 3_600, 3_600],
  ['m', 120, 60],
  ['s', 0, 1],
] as const;

/** A span of time in the largest unit of which it has several. */
export const humanDuration = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [unit, , size] = units.find(([, least]) => seconds >= least) ?? units[4];
  return `${Math.floor(seconds / size)}${unit}`;
};

/** How long ago a time of the wire was; `<unknown>` where there is none. */
export const since = (time: string, now: number): string =>
  time === '' ? '<unknown>' : humanDuration(now - Date.parse(time));

/** The values at a JSONPath as CRDs use it for columns: `.a.b`, `[0]`, `[*]`, `[?(@.type=="Ready")]`, `['a.b']`. */
export const jsonPath = (root: unknown, path: string): readonly unknown[] => {
  const steps = path.matchAll(
    /\.?\['([^']+)'\]|\[(\d+)\]|\[\*\]|\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\]|\.([^.[\]]+)/g,
  );
  let values: readonly unknown[] = [root];
  for (const [, quoted, index, field, wanted, name] of steps) {
    const key = quoted ?? name;
    values = values.flatMap((value): readonly unknown[] => {
      if (key !== undefined) return isObject(value) && value[key] !== undefined ? [value[key]] : [];
      if (!isList(value)) return isObject(value) && index === undefined ? Object.values(value) : [];
      if (index !== undefined) return value.slice(Number(index), Number(index) + 1);
      return field === undefined ? value : value.filter((item) => at(item, ...field.split('.')) === wanted);
    });
  }
  return values;
};
