import { badRequest } from '../status-error.ts';

export type FieldTerm = { readonly field: string; readonly equal: boolean; readonly value: string };

const parseTerm = (text: string): FieldTerm => {
  const [matched, field, operator, value] = /^([^=!]+)(==|=|!=)((?:[^=,\\]|\\[=,\\])*)$/.exec(text) ?? [];
  if (matched === undefined || field === undefined || value === undefined)
    throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`);
  return { field, equal: operator !== '!=', value: value.replaceAll(/\\([=,\\])/g, '$1') };
};

/** The terms of a `fieldSelector` parameter; all must hold. Throws 400 for what cannot be read. */
export const parseFieldSelector = (text: string): readonly FieldTerm[] =>
  text
    .split(/(?<!\\),/)
    .filter((part) => part !== '')
    .map(parseTerm);

export const matchesFields = (fields: Readonly<Record<string, string>>, terms: readonly FieldTerm[]): boolean =>
  terms.every(({ field, equal, value }) => ((fields[field] ?? '') === value) === equal);
