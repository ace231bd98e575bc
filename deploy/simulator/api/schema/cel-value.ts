import { isList, isObject } from '../../json.ts';
import { type Schema, schemaOfField } from './schema.ts';

/** A JSON value as CEL sees it by its schema: integers are not doubles, times are timestamps. */
export const celValue = (value: unknown, schema: Schema | undefined): unknown => {
  if (isList(value)) return value.map((item) => celValue(item, schema?.items));
  if (isObject(value))
    return Object.fromEntries(
      Object.entries(value).map(([field, inner]) => [field, celValue(inner, schema && schemaOfField(schema, field))]),
    );
  const isInteger = schema?.type === 'integer' || schema?.['x-kubernetes-int-or-string'] === true;
  if (typeof value === 'number' && isInteger) return BigInt(Math.trunc(value));
  if (typeof value === 'string' && schema?.format === 'date-time') return new Date(value);
  return value;
};
