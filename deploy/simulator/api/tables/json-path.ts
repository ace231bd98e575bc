import { at, isList, isObject } from '../../json.ts';

/** The values at a JSONPath as CRDs use it for columns: `.a.b`, `[0]`, `[*]`, `[?(@.type=="Ready")]`, `['a.b']`. */
export const jsonPath = (root: unknown, path: string): readonly unknown[] => {
  const steps = path.matchAll(
    /\.?\['([^']+)'\]|\[(\d+)\]|\[\*\]|\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\]|\.([^.[\]]+)/g,
  );
  let values: readonly unknown[] = [root];
  for (const [, quoted, index, field, wanted, name] of steps) {
    const key = quoted ?? name;
    values = values.flatMap((value): readonly unknown[] => {
      if (key !== undefined) return isObject(value) && value[key] !== undefined ? [value[key]] : [];
      if (!isList(value)) return isObject(value) && index === undefined ? Object.values(value) : [];
      if (index !== undefined) return value.slice(Number(index), Number(index) + 1);
      return field === undefined ? value : value.filter((item) => at(item, ...field.split('.')) === wanted);
    });
  }
  return values;
};
