import type { FieldError } from '../status-error.ts';

const shown = (value: unknown): string => JSON.stringify(value);

/** Kubernetes' own texts for what is wrong with a field. */
export const required = (field: string, why = ''): FieldError => ({
  field,
  reason: 'FieldValueRequired',
  detail: why === '' ? 'Required value' : `Required value: ${why}`,
});

export const invalidValue = (field: string, value: unknown, why: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  detail: `Invalid value: ${shown(value)}: ${why}`,
});

/** For values that are too large or of no use in a message. */
export const invalidUntold = (field: string, why: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  detail: `Invalid value: ${why}`,
});

export const wrongType = (field: string, is: string, wanted: string): FieldError => ({
  field,
  reason: 'FieldValueTypeInvalid',
  detail: `Invalid value: ${shown(is)}: ${field} in body must be of type ${wanted}: ${shown(is)}`,
});

export const unsupported = (field: string, value: unknown, supported: readonly unknown[]): FieldError => ({
  field,
  reason: 'FieldValueNotSupported',
  detail: `Unsupported value: ${shown(value)}: supported values: ${supported.map((one) => (typeof one === 'string' ? shown(one) : shown(shown(one)))).join(', ')}`,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  field,
  reason: 'FieldValueDuplicate',
  detail: `Duplicate value: ${shown(value)}`,
});

export const tooLong = (field: string, limit: number): FieldError => ({
  field,
  reason: 'FieldValueTooLong',
  detail: `Too long: may not be more than ${limit} ${limit === 1 ? 'byte' : 'bytes'}`,
});

export const tooMany = (field: string, is: number, limit: number): FieldError => ({
  field,
  reason: 'FieldValueTooMany',
  detail: `Too many: ${is}: must have at most ${limit} ${limit === 1 ? 'item' : 'items'}`,
});

export const forbiddenField = (field: string, why: string): FieldError => ({
  field,
  reason: 'FieldValueForbidden',
  detail: `Forbidden: ${why}`,
});
