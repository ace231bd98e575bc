import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { RE2JS } from 're2js';
import { isList, isObject, listAt, textAt } from '../../json.ts';
import { fieldPath, stepsOfPointer } from '../field-path.ts';
import type { FieldError } from '../status-error.ts';
import { invalidWithoutValue, invalidValue, required, unsupported } from './field-errors.ts';
import type { Schema } from './schema.ts';

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
