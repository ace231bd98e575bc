import { isDeepStrictEqual } from 'node:util';
import { at, isObject, textAt } from '../../json.ts';
import type { FieldError } from '../status-error.ts';
import { brokenRules, compileRules } from './cel-rules.ts';
import { duplicates } from './list-types.ts';
import type { Schema } from './schema.ts';
import { structureCheck } from './structure.ts';

/** What is wrong with an object; of a write to its status only what is wrong there. */
export type CustomCheck = (value: unknown, old: unknown, subresource: string) => readonly FieldError[];

const inStatus = (field: string): string => (field === '' ? 'status' : `status.${field}`);

/** Errors so basic that CEL would only stumble over the same thing. */
const blocking = [
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
];

const unchecked: FieldError = {
  field: '<nil>',
  reason: 'FieldValueInvalid',
  detail:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

/** Whether an error lies in a part that the update left as it was: such errors are forgiven (ratcheting). */
const isUnchanged = ({ field }: FieldError, value: unknown, old: unknown): boolean => {
  let [now, before] = [value, old];
  for (const key of field.replace(/\[.*$/, '').split('.')) {
    if (!isObject(now) || !isObject(before)) return false;
    now = now[key];
    before = before[key];
    if (now !== undefined && isDeepStrictEqual(now, before)) return true;
  }
  return false;
};

/** Everything that a CRD's schema demands of an object, compiled once. Throws for a schema that cannot be served. */
export const customCheck = (schema: Schema): CustomCheck => {
  const whole = structureCheck(schema);
  const ofStatus = structureCheck(schema.properties?.['status'] ?? {});
  compileRules(schema);
  const structure = (value: unknown, subresource: string): readonly FieldError[] =>
    subresource === 'status'
      ? ofStatus(at(value, 'status') ?? {}).map((error) => ({ ...error, field: inStatus(error.field) }))
      : whole(value);
  return (value, old, subresource) => {
    const forgiven = (error: FieldError): boolean => old !== undefined && isUnchanged(error, value, old);
    const errors = [...structure(value, subresource), ...duplicates(value, schema)].filter((error) => !forgiven(error));
    const isBlocked =
      textAt(value, 'metadata', 'name') === '' || errors.some(({ reason }) => blocking.includes(reason));
    if (isBlocked) return [...errors, unchecked];
    return [...errors, ...brokenRules(value, old, schema).filter((error) => !forgiven(error))];
  };
};
