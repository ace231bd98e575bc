import { isDeepStrictEqual } from 'node:util';
import { at, isList, isObject } from '../../json.ts';
import { type Schema, schemaOfField } from '../schema/schema.ts';
import { isAtomicMap, itemStep } from './field-set.ts';

const mergedItems = (live: readonly unknown[], applied: readonly unknown[], list: Schema): readonly unknown[] => {
  const steps = applied.map((item) => itemStep(item, list));
  const kept = live.map((item) => {
    const index = steps.indexOf(itemStep(item, list));
    return index < 0 ? item : appliedTo(item, applied[index], list.items);
  });
  const known = new Set(live.map((item) => itemStep(item, list)));
  return [...kept, ...applied.filter((item) => !known.has(itemStep(item, list)))];
};

/** A live value with an applied one put into it: maps field by field, sets and map lists item by item, the rest as a whole. */
export const appliedTo = (live: unknown, applied: unknown, schema: Schema | undefined): unknown => {
  if (isObject(live) && isObject(applied) && !isAtomicMap(schema)) {
    const changed: [string, unknown][] = Object.entries(applied).map(([field, value]) => [
      field,
      appliedTo(live[field], value, schema && schemaOfField(schema, field)),
    ]);
    return { ...live, ...Object.fromEntries(changed) };
  }
  if (isList(live) && isList(applied) && ['set', 'map'].includes(schema?.['x-kubernetes-list-type'] ?? ''))
    return mergedItems(live, applied, schema ?? {});
  return applied;
};

const holds = (item: unknown, step: string): boolean => {
  const wanted: unknown = JSON.parse(step.slice(2));
  if (step.startsWith('v:')) return isDeepStrictEqual(item, wanted);
  return isObject(wanted) && Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(at(item, key), value));
};

/** A value without what is at a path of FieldsV1 steps. */
export const withoutField = (value: unknown, [step, ...rest]: readonly string[]): unknown => {
  if (step === undefined) return value;
  if (isList(value)) {
    if (rest.length === 0) return value.filter((item) => !holds(item, step));
    return value.map((item) => (holds(item, step) ? withoutField(item, rest) : item));
  }
  if (!isObject(value)) return value;
  const field = step.slice(2);
  if (!Object.hasOwn(value, field)) return value;
  const others = Object.entries(value).filter(([name]) => name !== field);
  return Object.fromEntries(rest.length === 0 ? others : [...others, [field, withoutField(value[field], rest)]]);
};
