import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { RE2JS } from 're2js';
import { isList, isObject, listAt, textAt, type JsonObject } from '../../json.ts';
import { fieldPath, stepsOfPointer, type FieldError } from '../status-error.ts';
import { invalidWithoutValue, invalidValue, required, unsupported } from './field-errors.ts';
import { type Schema, schemaOfField, keepsUnknown } from './schema.ts';

export type StructureCheck = (value: unknown) => readonly FieldError[];

/** Extensions of Kubernetes that say nothing about one value alone. */
const extensions = [
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
  'example',
  'externalDocs',
];

/** Patterns mean what they mean to the API server: RE2, not JavaScript's own. */
const re2 = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    // Ajv tells patterns apart by their text.
    return { test: (text: string) => compiled.matcher(text).find(), toString: () => pattern };
  },
  { code: 'RE2JS.compile' },
);

/** int-or-string and nullable as JSON schema has them. */
const plain = (schema: Schema): object => {
  const inner = (value: unknown): unknown => {
    if (isList(value)) return value.map(inner);
    return isObject(value) ? plain(value) : value;
  };
  const each = (map: Readonly<Record<string, Schema>>): object =>
    Object.fromEntries(Object.entries(map).map(([field, of]) => [field, plain(of)]));
  const { properties, enum: values, nullable, ...rest } = schema;
  const out = Object.entries(rest)
    .filter(([key]) => key !== 'default')
    .map(([key, value]): [string, unknown] => [key, key.startsWith('x-') ? value : inner(value)]);
  const type = schema['x-kubernetes-int-or-string'] === true ? ['integer', 'string'] : schema.type;
  return {
    ...Object.fromEntries(out),
    ...(type === undefined ? {} : { type: nullable === true ? [type, 'null'].flat() : type }),
    ...(properties === undefined ? {} : { properties: each(properties) }),
    ...(values === undefined ? {} : { enum: values }),
  };
};

const fieldError = (
  { keyword, data, instancePath, params, message = keyword }: ErrorObject,
  root: unknown,
): FieldError => {
  const field = fieldPath(stepsOfPointer(instancePath, root));
  if (keyword === 'required')
    return required([field, textAt(params, 'missingProperty')].filter((part) => part !== '').join('.'));
  if (keyword === 'enum') return unsupported(field, data, listAt(params, 'allowedValues'));
  const why = `${field} in body ${message}`;
  return isObject(data) || isList(data) ? invalidWithoutValue(field, why) : invalidValue(field, data, why);
};

const checkOf =
  (validate: ValidateFunction): StructureCheck =>
  (value) =>
    validate(value) ? [] : (validate.errors ?? []).map((error) => fieldError(error, value));

/** Compiles the structural part of a CRD's schema, and the part of its status. Throws where the schema itself is no good. */
export const structureChecks = (
  schema: Schema,
): { readonly whole: StructureCheck; readonly status: StructureCheck } => {
  const ajv = new Ajv({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    verbose: true,
    // Each start compiles a schema, for few objects: what both checks share is compiled once, and is not optimized.
    inlineRefs: false,
    code: { regExp: re2, optimize: false },
  });
  ajv.addVocabulary(extensions);
  ajv.addFormat('date-time', (text) => !Number.isNaN(Date.parse(text)) && text.includes('T'));
  for (const format of ['int32', 'int64', 'double', 'float'])
    ajv.addFormat(format, { type: 'number', validate: () => true });
  const { status = {}, ...properties } = schema.properties ?? {};
  ajv.addSchema(plain(status), 'status');
  const whole = ajv.compile(plain({ ...schema, properties: { ...properties, status: { $ref: 'status' } } }));
  return { whole: checkOf(whole), status: checkOf(ajv.compile({ $ref: 'status' })) };
};

const allowsNull = (schema: Schema | undefined): boolean =>
  schema === undefined || schema.nullable === true || schema.type === undefined;

/** A value with its schema's defaults filled in, and nulls dropped where they are not allowed, as the API server does. */
export const withDefaults = (value: unknown, schema: Schema | undefined): unknown => {
  if (schema === undefined) return value;
  if (isList(value)) return value.map((item) => withDefaults(item, schema.items));
  if (!isObject(value)) return value;
  const filled = { ...value };
  for (const [field, inner] of Object.entries(schema.properties ?? {}))
    if (
      inner.default !== undefined &&
      (filled[field] === undefined || (filled[field] === null && inner.nullable !== true))
    )
      filled[field] = structuredClone(inner.default);
  return Object.fromEntries(
    Object.entries(filled)
      .filter(([field, inner]) => inner !== null || allowsNull(schemaOfField(schema, field)))
      .map(([field, inner]) => [field, withDefaults(inner, schemaOfField(schema, field))]),
  );
};

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

/** A built-in kind decoded: null means absent there. */
export const withoutNulls = (object: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(object).flatMap(([field, value]) => {
      if (value === null || value === undefined) return [];
      if (isObject(value)) return [[field, withoutNulls(value)]];
      return [[field, isList(value) ? value.map((item) => (isObject(item) ? withoutNulls(item) : item)) : value]];
    }),
  );
