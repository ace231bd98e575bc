/** Reading of JSON whose shape is not known: everything absent or of another type reads as empty, so no reader needs a guard. */

export type JsonObject = { readonly [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** The value at a path of keys; undefined where there is none. */
export const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, key) => (isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined), value);

export const objectAt = (value: unknown, ...path: readonly string[]): JsonObject => {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
};

export const listAt = (value: unknown, ...path: readonly string[]): readonly unknown[] => {
  const found = at(value, ...path);
  return isList(found) ? found : [];
};

export const textAt = (value: unknown, ...path: readonly string[]): string => {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
};

export const numberAt = (value: unknown, ...path: readonly string[]): number | undefined => {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : undefined;
};

/** The entries of a map of strings, others left out: labels, annotations, selectors. */
export const textsAt = (value: unknown, ...path: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(objectAt(value, ...path)).flatMap(([key, text]) => (typeof text === 'string' ? [[key, text]] : [])),
  );

/** The object without the keys whose value is undefined, as it would be after a trip over the wire. */
export const compact = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** A copy with the value put at a path; `undefined` removes it. Objects on the way are made where they are missing. */
export const withAt = (object: JsonObject, path: readonly string[], value: unknown): JsonObject => {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  return compact({ ...object, [key]: rest.length === 0 ? value : withAt(objectAt(object, key), rest, value) });
};
