import { Environment } from '@marcbachmann/cel-js';
import { isDeepStrictEqual } from 'node:util';
import { isList, isObject } from '../../json.ts';
import { type Steps, fieldPath } from '../field-path.ts';
import { type FieldError, notImplemented } from '../status-error.ts';
import { celValue } from './cel-value.ts';
import { invalidUntold } from './field-errors.ts';
import { identityOf } from './list-types.ts';
import { type CelRule, type Schema, schemaOfField } from './schema.ts';

/** Evaluates an expression over self and oldSelf. */
type Evaluate = (self: unknown, oldSelf: unknown) => unknown;
type Rule = {
  readonly of: CelRule;
  readonly isTransition: boolean;
  readonly holds: Evaluate;
  readonly says?: Evaluate;
};

const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn');

const unsupported = (expression: string, cause: unknown) =>
  notImplemented(
    `the CEL expression "${expression}" (${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)})`,
  );

const compile = (expression: string): Evaluate => {
  try {
    const parsed = environment.parse(expression);
    const { valid, error } = parsed.check();
    if (!valid) throw error ?? new Error('type check failed');
    return (self, oldSelf): unknown => parsed({ self, oldSelf });
  } catch (cause) {
    throw unsupported(expression, cause);
  }
};

const compiled = new Map<CelRule, Rule>();

const ruleOf = (of: CelRule): Rule => {
  const known = compiled.get(of);
  if (known !== undefined) return known;
  const rule: Rule = {
    of,
    isTransition: /\boldSelf\b/.test(of.rule),
    holds: compile(of.rule),
    ...(of.messageExpression === undefined ? {} : { says: compile(of.messageExpression) }),
  };
  compiled.set(of, rule);
  return rule;
};

/** Compiles every rule of a schema, so that one that cannot be run is refused when the CRD is read. Throws 501. */
export const compileRules = (schema: Schema): void => {
  for (const rule of schema['x-kubernetes-validations'] ?? []) ruleOf(rule);
  for (const inner of Object.values(schema.properties ?? {})) compileRules(inner);
  if (schema.items !== undefined) compileRules(schema.items);
  if (isObject(schema.additionalProperties)) compileRules(schema.additionalProperties);
};

const reasons = {
  FieldValueInvalid: 'Invalid value',
  FieldValueForbidden: 'Forbidden',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
} as const;
const isReason = (reason: string): reason is keyof typeof reasons => Object.hasOwn(reasons, reason);

const isPlain = (self: unknown): boolean => !isList(self) && (!isObject(self) || self instanceof Date);
const plainValue = (self: unknown): unknown => (typeof self === 'bigint' ? Number(self) : self);

const broken = ({ of, says }: Rule, steps: Steps, self: unknown, oldSelf: unknown): FieldError => {
  const text = says?.(self, oldSelf);
  const message = typeof text === 'string' && text.trim() !== '' ? text : (of.message ?? `failed rule: ${of.rule}`);
  const field = `${fieldPath(steps)}${of.fieldPath ?? ''}`;
  const reason = of.reason ?? 'FieldValueInvalid';
  const shown = isPlain(self) && reason === 'FieldValueInvalid' ? `${JSON.stringify(plainValue(self))}: ` : '';
  return isReason(reason)
    ? { field, reason, detail: `${reasons[reason]}: ${shown}${message}` }
    : invalidUntold(field, message);
};

const isMissing = (error: unknown): boolean =>
  error instanceof Error && /No such (key|overload)|out of (range|bounds)/i.test(error.message);

const checkRule = (rule: Rule, steps: Steps, self: unknown, oldSelf: unknown): readonly FieldError[] => {
  try {
    return rule.holds(self, oldSelf) === true ? [] : [broken(rule, steps, self, oldSelf)];
  } catch (error) {
    if (!isMissing(error)) throw unsupported(rule.of.rule, error);
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    return [invalidUntold(fieldPath(steps), `rule: "${rule.of.rule}", error: ${why.toLowerCase()}`)];
  }
};

/** The old item that corresponds to a new one of a list: known for lists of type map only. */
const oldItem = (item: unknown, old: unknown, list: Schema): unknown =>
  isList(old) && list['x-kubernetes-list-type'] === 'map'
    ? old.find((other) => isDeepStrictEqual(identityOf(other, list), identityOf(item, list)))
    : undefined;

/** The rules that a value breaks; those about a transition are asked only where there is an old value. */
export const brokenRules = (
  value: unknown,
  old: unknown,
  schema: Schema | undefined,
  steps: Steps = [],
): readonly FieldError[] => {
  if (schema === undefined || value === null) return [];
  const rules = (schema['x-kubernetes-validations'] ?? []).map(ruleOf);
  const self = rules.length === 0 ? undefined : celValue(value, schema);
  const oldSelf = rules.length === 0 || old === undefined ? undefined : celValue(old, schema);
  const here = rules
    .filter(({ isTransition }) => !isTransition || old !== undefined)
    .flatMap((rule) => checkRule(rule, steps, self, oldSelf));
  if (isList(value))
    return [
      ...here,
      ...value.flatMap((item, index) => brokenRules(item, oldItem(item, old, schema), schema.items, [...steps, index])),
    ];
  if (!isObject(value)) return here;
  return [
    ...here,
    ...Object.entries(value).flatMap(([field, inner]) =>
      brokenRules(inner, isObject(old) ? old[field] : undefined, schemaOfField(schema, field), [...steps, field]),
    ),
  ];
};
