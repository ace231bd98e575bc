import { isList, isObject } from '../../json.ts';
import { type Schema, schemaOfField } from './schema.ts';

const goNames = {
  string: 'string',
  integer: 'int32',
  number: 'float64',
  boolean: 'bool',
  array: '[]',
  object: 'map',
} as const;

const jsonName = (value: unknown): string => {
  if (isList(value)) return 'array';
  return isObject(value) ? 'object' : typeof value === 'boolean' ? 'bool' : typeof value;
};

const fits = (value: unknown, schema: Schema): boolean => {
  switch (schema.type) {
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array':
      return isList(value);
    case 'object':
      return isObject(value);
    case undefined:
      return true;
  }
  return true;
};

/** The first value that Go could not decode into a built-in kind, in the words of its decoder. */
export const goTypeError = (value: unknown, schema: Schema | undefined, path: string): string | undefined => {
  if (schema === undefined || value === null || value === undefined) return undefined;
  // Quantities are strings on the wire, and numbers are taken too.
  if (typeof value === 'number' && /\.(limits|requests|hard|capacity|allocatable)\.[^.]+$/.test(path)) return undefined;
  if (!fits(value, schema))
    return `json: cannot unmarshal ${jsonName(value)} into Go struct field ${path} of type ${goNames[schema.type ?? 'string']}`;
  if (isList(value))
    return value.map((item) => goTypeError(item, schema.items, path)).find((error) => error !== undefined);
  if (!isObject(value)) return undefined;
  return Object.entries(value)
    .map(([field, inner]) => goTypeError(inner, schemaOfField(schema, field), `${path}.${field}`))
    .find((error) => error !== undefined);
};
