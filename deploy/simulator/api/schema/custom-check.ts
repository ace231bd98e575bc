import { at } from '../../json.ts';
import type { FieldError } from '../status-error.ts';
import { brokenRules, compileRules } from './cel-rules.ts';
import { duplicates } from './list-types.ts';
import type { Schema } from './schema.ts';
import { structureChecks } from './structure.ts';

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
