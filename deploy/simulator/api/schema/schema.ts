import { type JsonObject, isObject } from '../../json.ts';

export type CelRule = {
  readonly rule: string;
  readonly message?: string;
};

/** A structural schema as in a CRD, and as OpenAPI describes the built-in kinds. */
export type Schema = {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
  readonly [keyword: string]: unknown;
};

/** A CRD's schema is taken at its word here: what it holds is checked when its validators are compiled. */
export const isSchema = (value: unknown): value is Schema => isObject(value);

/** The schema of a map's values or of a field; undefined where the schema says nothing of it. */
export const schemaOfField = (schema: Schema, field: string): Schema | undefined => {
  const properties = schema.properties ?? {};
  if (Object.hasOwn(properties, field)) return properties[field];
  return isSchema(schema.additionalProperties) ? schema.additionalProperties : undefined;
};

export const keepsUnknown = (schema: Schema): boolean =>
  schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true;

const text = { type: 'string' } as const satisfies Schema;
const texts = { type: 'object', additionalProperties: text } as const satisfies Schema;

/** metadata, the same for every kind. */
export const objectMetaSchema: Schema = {
  type: 'object',
  description: 'Name, labels and the like: what every object has.',
  properties: {
    annotations: texts,
    creationTimestamp: { ...text, format: 'date-time', nullable: true },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64' },
    deletionTimestamp: { ...text, format: 'date-time', nullable: true },
    finalizers: {
      type: 'array',
      items: text,
      'x-kubernetes-list-type': 'set',
    },
    generateName: text,
    generation: { type: 'integer', format: 'int64' },
    labels: texts,
    managedFields: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    name: text,
    namespace: text,
    ownerReferences: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          apiVersion: text,
          blockOwnerDeletion: { type: 'boolean' },
          controller: { type: 'boolean' },
          kind: text,
          name: text,
          uid: text,
        },
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
    },
    resourceVersion: text,
    selfLink: text,
    uid: text,
  },
};

export const typeFields: Readonly<Record<string, Schema>> = {
  apiVersion: { ...text, description: 'The version of the schema that this object is written in.' },
  kind: { ...text, description: 'What this object is.' },
};

/** A kind's whole schema from a CRD's: with apiVersion, kind and metadata as every object has them. */
export const wholeSchema = (schema: Schema): Schema => ({
  ...schema,
  properties: { ...schema.properties, ...typeFields, metadata: objectMetaSchema },
});

export const emptyToUndefined = (object: JsonObject): JsonObject | undefined =>
  Object.keys(object).length === 0 ? undefined : object;
