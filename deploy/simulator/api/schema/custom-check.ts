import { at, isList, isObject } from '../../json.ts';
import { type FieldError, type Steps, fieldPath, notImplemented } from '../status-error.ts';
import { duplicates, invalidWithoutValue, invalidValue } from './field-errors.ts';
import { type Schema, type CelRule, schemaOfField } from './schema.ts';
import { structureChecks } from './structure.ts';
import { Environment } from '@marcbachmann/cel-js';

/** What is wrong with an object; of a write to its status only what is wrong there. */
export type CustomCheck = (value: unknown, subresource: string) => readonly FieldError[];

const inStatus = (field: string): string => (field === '' ? 'status' : `status.${field}`);

/** Everything that a CRD's schema demands of an object, compiled once. Throws for a schema that cannot be served. */
export const customCheck = (schema: Schema): CustomCheck => {
  const checks = structureChecks(schema);
  compileRules(schema);
  const structure = (value: unknown, subresource: string): readonly FieldError[] =>
    subresource === 'status'
      ? checks.status(at(value, 'status') ?? {}).map((error) => ({ ...error, field: inStatus(error.field) }))
      : checks.whole(value);
  return (value, subresource) => {
    const errors = [...structure(value, subresource), ...duplicates(value, schema)];
    return errors.length > 0 ? errors : brokenRules(value, schema); // rules would stumble over the same thing
  };
};

/** Evaluates an expression over self. */
type Evaluate = (self: unknown) => unknown;

const environment = new Environment({
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
}).registerVariable('self', 'dyn');

const unsupported = (expression: string, cause: unknown) =>
  notImplemented(
    `the CEL expression "${expression}" (${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)})`,
  );

const compile = ({ rule, message, ...others }: CelRule): Evaluate => {
  if (message === undefined || Object.keys(others).length > 0)
    throw notImplemented('CEL rules with more than a message');
  try {
    const parsed = environment.parse(rule);
    const { valid, error } = parsed.check();
    if (!valid) throw error ?? new Error('type check failed');
    return (self): unknown => parsed({ self });
  } catch (cause) {
    throw unsupported(rule, cause);
  }
};

const compiled = new Map<CelRule, Evaluate>();

const compiledRule = (rule: CelRule): Evaluate => {
  const holds = compiled.get(rule) ?? compile(rule);
  compiled.set(rule, holds);
  return holds;
};

/** Compiles every rule of a schema, so that one that cannot be run is refused when the CRD is read. Throws 501. */
const compileRules = (schema: Schema): void => {
  for (const rule of schema['x-kubernetes-validations'] ?? []) compiledRule(rule);
  for (const inner of Object.values(schema.properties ?? {})) compileRules(inner);
  if (schema.items !== undefined) compileRules(schema.items);
  if (isObject(schema.additionalProperties)) compileRules(schema.additionalProperties);
};

const checkRule = (rule: CelRule, steps: Steps, self: unknown): readonly FieldError[] => {
  const { message = '' } = rule;
  try {
    if (compiledRule(rule)(self) === true) return [];
  } catch (error) {
    throw unsupported(rule.rule, error);
  }
  const isPlain = !isList(self) && (!isObject(self) || self instanceof Date);
  const shown = typeof self === 'bigint' ? Number(self) : self;
  return [isPlain ? invalidValue(fieldPath(steps), shown, message) : invalidWithoutValue(fieldPath(steps), message)];
};

/** The rules that a value breaks. */
const brokenRules = (value: unknown, schema: Schema | undefined, steps: Steps = []): readonly FieldError[] => {
  if (schema === undefined || value === null) return [];
  const rules = schema['x-kubernetes-validations'] ?? [];
  const self = rules.length === 0 ? undefined : celValue(value, schema);
  const here = rules.flatMap((rule) => checkRule(rule, steps, self));
  const inside: readonly FieldError[] = isList(value)
    ? value.flatMap((item, index) => brokenRules(item, schema.items, [...steps, index]))
    : Object.entries(isObject(value) ? value : {}).flatMap(([field, inner]) =>
        brokenRules(inner, schemaOfField(schema, field), [...steps, field]),
      );
  return [...here, ...inside];
};

/** A JSON value as CEL sees it by its schema: integers are not doubles, times are timestamps. */
const celValue = (value: unknown, schema: Schema | undefined): unknown => {
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
