import { Ajv, type ErrorObject } from 'ajv';
import { RE2JS } from 're2js';
import { isList, isObject, textAt } from '../../json.ts';
import { fieldPath, stepsOfPointer } from '../field-path.ts';
import type { FieldError } from '../status-error.ts';
import { invalidValue, required, tooLong, tooMany, unsupported, wrongType } from './field-errors.ts';
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
    return { test: (text: string) => compiled.matcher(text).find() };
  },
  { code: 'RE2JS.compile' },
);

const typeName = (value: unknown): string => {
  if (value === null) return 'null';
  if (isList(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
};

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

const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const params = (error: ErrorObject): Record<string, unknown> => error.params;
const size = (value: unknown): number =>
  isList(value) ? value.length : isObject(value) ? Object.keys(value).length : 0;

const limitTexts: Readonly<Record<string, (limit: number) => string>> = {
  minLength: (limit) => `should be at least ${limit} chars long`,
  minimum: (limit) => `should be greater than or equal to ${limit}`,
  maximum: (limit) => `should be less than or equal to ${limit}`,
  exclusiveMinimum: (limit) => `should be greater than ${limit}`,
  exclusiveMaximum: (limit) => `should be less than ${limit}`,
  minItems: (limit) => `should have at least ${limit} items`,
  minProperties: (limit) => `should have at least ${limit} properties`,
};

const formatOf = (schema: unknown): string | undefined => textAt(schema, 'format') || undefined;

/** What the API server says once more of an integer that is none. */
const unformatted = (error: ErrorObject, root: unknown): readonly FieldError[] => {
  const format = formatOf(error.parentSchema);
  if (error.keyword !== 'type' || typeof error.data !== 'number' || format === undefined) return [];
  const field = fieldPath(stepsOfPointer(error.instancePath, root));
  return [invalidValue('<nil>', '', `Checked value must be of type integer with format ${format} in ${field}`)];
};

const told = (error: ErrorObject, root: unknown): FieldError => {
  const field = fieldPath(stepsOfPointer(error.instancePath, root));
  const { keyword, data } = error;
  const given = params(error);
  const limit = number(given['limit']);
  switch (keyword) {
    case 'required':
      return required([field, String(given['missingProperty'])].filter((part) => part !== '').join('.'));
    case 'type': {
      const wanted = [given['type']].flat().filter((type) => type !== 'null');
      // A number of the wrong format is reported by its format.
      const format = wanted.join() === 'integer' && typeof data === 'number' ? formatOf(error.parentSchema) : undefined;
      return format === undefined
        ? wrongType(field, typeName(data), wanted.join(','))
        : wrongType(field, 'float64', format);
    }
    case 'enum':
      return unsupported(field, data, isList(given['allowedValues']) ? given['allowedValues'] : []);
    case 'maxLength':
      return tooLong(field, limit);
    case 'maxItems':
    case 'maxProperties':
      return tooMany(field, size(data), limit);
    case 'pattern':
      return invalidValue(field, data, `${field} in body should match '${String(given['pattern'])}'`);
    case 'format':
      return wrongType(field, String(data), String(given['format']));
    default: {
      const text = limitTexts[keyword]?.(limit) ?? error.message ?? keyword;
      const value = keyword === 'minItems' || keyword === 'minProperties' ? size(data) : data;
      return invalidValue(field, value, `${field} in body ${text}`);
    }
  }
};

/** Compiles the structural part of a CRD's schema. Throws where the schema itself is no good. */
export const structureCheck = (schema: Schema): StructureCheck => {
  const ajv = new Ajv({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    verbose: true,
    code: { regExp: re2 },
  });
  ajv.addVocabulary(extensions);
  ajv.addFormat('date-time', (text) => !Number.isNaN(Date.parse(text)) && text.includes('T'));
  for (const format of ['int32', 'int64', 'double', 'float'])
    ajv.addFormat(format, { type: 'number', validate: () => true });
  const validate = ajv.compile(plain(schema));
  return (value) =>
    validate(value)
      ? []
      : (validate.errors ?? []).flatMap((error) => [told(error, value), ...unformatted(error, value)]);
};
