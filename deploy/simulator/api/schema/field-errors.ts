import type { FieldError } from '../status-error.ts';

const shown = (value: unknown): string => JSON.stringify(value);

/** Kubernetes' own texts for what is wrong with a field. */
export const required = (field: string): FieldError => ({
  field,
  reason: 'FieldValueRequired',
  detail: 'Required value',
});

export const invalidValue = (field: string, value: unknown, why: string): FieldError =>
  invalidWithoutValue(field, `${shown(value)}: ${why}`);

/** For values that are too large or of no use in a message. */
export const invalidWithoutValue = (field: string, why: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  detail: `Invalid value: ${why}`,
});

export const unsupported = (field: string, value: unknown, supported: readonly unknown[]): FieldError => ({
  field,
  reason: 'FieldValueNotSupported',
  detail: `Unsupported value: ${shown(value)}: supported values: ${supported.map(shown).join(', ')}`,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  field,
  reason: 'FieldValueDuplicate',
  detail: `Duplicate value: ${shown(value)}`,
});

export const forbiddenField = (field: string, why: string): FieldError => ({
  field,
  reason: 'FieldValueForbidden',
  detail: `Forbidden: ${why}`,
});
