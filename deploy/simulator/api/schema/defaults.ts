import { isList, isObject } from '../../json.ts';
import { type Schema, schemaOfField } from './schema.ts';

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
