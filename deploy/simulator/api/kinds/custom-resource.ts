import { type JsonObject, at, isObject, listAt, numberAt, textAt } from '../../json.ts';
import { type KubeObject, kubeObject, nameOf, namespaceOf } from '../kube-object.ts';
import type { Column, Resource } from '../resource.ts';
import { customCheck } from '../schema/custom-check.ts';
import { isSchema, wholeSchema, typeFields, objectMetaSchema } from '../schema/schema.ts';
import { badRequest, notImplemented } from '../status-error.ts';
import { since, jsonPath } from '../tables.ts';
import { ageColumn, nameColumn, column, builtIn } from './built-in.ts';

const cellOf =
  (type: Column['type'], path: string) =>
  (object: KubeObject, now: number): string | number | boolean | undefined => {
    const [value] = jsonPath(object, path);
    if (type === 'date') return typeof value === 'string' ? since(value, now) : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    return value === undefined || value === null ? undefined : JSON.stringify(value);
  };

const columnTypes = ['string', 'integer', 'number', 'boolean', 'date'] as const;

const columnOf = (column: unknown): Column => {
  const type = columnTypes.find((one) => one === textAt(column, 'type')) ?? 'string';
  return {
    name: textAt(column, 'name'),
    type,
    priority: numberAt(column, 'priority') ?? 0,
    description: textAt(column, 'description'),
    cell: cellOf(type, textAt(column, 'jsonPath')),
  };
};

const texts = (list: readonly unknown[]): string[] => list.filter((one) => typeof one === 'string');

const onlyVersion = (crd: JsonObject): JsonObject => {
  const [version, ...others] = listAt(crd, 'spec', 'versions').filter(isObject);
  if (version === undefined) throw badRequest('a CustomResourceDefinition without a version');
  if (others.length > 0) throw notImplemented('CustomResourceDefinitions of several versions');
  if (at(version, 'subresources', 'scale') !== undefined) throw notImplemented('the scale subresource');
  if (version['selectableFields'] !== undefined) throw notImplemented('selectable fields');
  return version;
};

/** The resource that a CRD defines. Throws 501 for what of it cannot be served. */
export const customResource = (crd: JsonObject): Resource => {
  const version = onlyVersion(crd);
  const read = at(version, 'schema', 'openAPIV3Schema');
  if (!isSchema(read)) throw badRequest('a CustomResourceDefinition without a schema');
  const schema = wholeSchema(read);
  const check = customCheck(schema);
  const names = at(crd, 'spec', 'names');
  const kind = textAt(names, 'kind');
  const printed = listAt(version, 'additionalPrinterColumns').map(columnOf);
  const hasStatus = at(version, 'subresources', 'status') !== undefined;
  return {
    group: textAt(crd, 'spec', 'group'),
    version: textAt(version, 'name'),
    kind,
    plural: textAt(names, 'plural'),
    singular: textAt(names, 'singular') || kind.toLowerCase(),
    listKind: textAt(names, 'listKind') || `${kind}List`,
    shortNames: texts(listAt(names, 'shortNames')),
    categories: texts(listAt(names, 'categories')),
    namespaced: textAt(crd, 'spec', 'scope') === 'Namespaced',
    hasStatus,
    statusOnCreate: false,
    hasGeneration: true,
    createOnUpdate: false,
    unconditionalUpdate: false,
    custom: true,
    schema,
    columns: printed.length === 0 ? [nameColumn, ageColumn] : [nameColumn, ...printed],
    fields: (object) => ({
      'metadata.name': nameOf(object),
      'metadata.namespace': namespaceOf(object),
    }),
    strategy: { validate: (object, _, subresource) => check(object, subresource) },
  };
};

/** A CRD as the API server returns it once it is established. */
export const establishedCrd = (crd: JsonObject, time: string): KubeObject => {
  const names = at(crd, 'spec', 'names');
  const condition = (type: string, reason: string, message: string): JsonObject => ({
    type,
    status: 'True',
    lastTransitionTime: time,
    reason,
    message,
  });
  return kubeObject({
    ...crd,
    status: {
      acceptedNames: names,
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      storedVersions: listAt(crd, 'spec', 'versions').map((version) => textAt(version, 'name')),
    },
  });
};

/** CRDs, as they were read at the start. */
export const customResourceDefinitions: Resource = {
  ...builtIn({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    namespaced: false,
    readOnly: 'changes of CustomResourceDefinitions: they are read when the cluster starts',
    hasStatus: true,
    statusOnCreate: true,
    model: '',
    description: 'A kind that this cluster serves beside its own.',
    columns: [
      nameColumn,
      { ...column('Created At', (crd) => textAt(crd, 'metadata', 'creationTimestamp')), type: 'date' },
    ],
    fields: (crd) => ({ 'metadata.name': nameOf(crd) }),
  }),
  schema: {
    type: 'object',
    description: 'A kind that this cluster serves beside its own.',
    properties: {
      ...typeFields,
      metadata: objectMetaSchema,
      spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};
