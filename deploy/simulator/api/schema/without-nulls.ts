import { type JsonObject, isList, isObject } from '../../json.ts';

/** A built-in kind decoded: null means absent there. */
export const withoutNulls = (object: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(object).flatMap(([field, value]) => {
      if (value === null || value === undefined) return [];
      if (isObject(value)) return [[field, withoutNulls(value)]];
      return [[field, isList(value) ? value.map((item) => (isObject(item) ? withoutNulls(item) : item)) : value]];
    }),
  );
