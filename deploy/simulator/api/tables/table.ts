import { type JsonObject, objectAt } from '../../json.ts';
import type { KubeObject } from '../kube-object.ts';
import type { Resource } from '../resource.ts';

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
