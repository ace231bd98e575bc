import { type JsonObject, isList, listAt, textAt, textsAt } from '../json.ts';
import { badRequest } from './status-error.ts';

export type Requirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
};

const key = String.raw`(?:[a-zA-Z0-9.-]+/)?[a-zA-Z0-9](?:[\w.-]*[a-zA-Z0-9])?`;
const forms = [
  { form: new RegExp(`^(${key})\\s*(?:=|==)\\s*([\\w.-]*)$`), operator: 'In' },
  { form: new RegExp(`^(${key})\\s*!=\\s*([\\w.-]*)$`), operator: 'NotIn' },
  { form: new RegExp(`^(${key})\\s+in\\s*\\(([^()]*)\\)$`), operator: 'In' },
  { form: new RegExp(`^(${key})\\s+notin\\s*\\(([^()]*)\\)$`), operator: 'NotIn' },
  { form: new RegExp(`^(${key})\\s*>\\s*(\\d+)$`), operator: 'Gt' },
  { form: new RegExp(`^(${key})\\s*<\\s*(\\d+)$`), operator: 'Lt' },
  { form: new RegExp(`^(${key})$`), operator: 'Exists' },
  { form: new RegExp(`^!\\s*(${key})$`), operator: 'DoesNotExist' },
] as const;

const parseRequirement = (text: string): Requirement => {
  for (const { form, operator } of forms) {
    const [matched, name, values] = form.exec(text) ?? [];
    if (matched !== undefined && name !== undefined)
      return {
        key: name,
        operator,
        values: values === undefined ? [] : values.split(',').map((value) => value.trim()),
      };
  }
  throw badRequest(`unable to parse requirement: "${text}" is not a label selector requirement`);
};

/** The requirements of a `labelSelector` parameter; all must hold. Throws 400 for what cannot be read. */
export const parseLabelSelector = (text: string): readonly Requirement[] =>
  text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseRequirement);

const meets = (labels: JsonObject, { key: name, operator, values }: Requirement): boolean => {
  const found = Object.hasOwn(labels, name) ? labels[name] : undefined;
  const value = typeof found === 'string' ? found : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
  }
};

/** Labels as they are in an object: copies of them would take most of the time of a listing. */
export const matchesLabels = (labels: JsonObject, requirements: readonly Requirement[]): boolean =>
  requirements.every((requirement) => meets(labels, requirement));

const isOperator = (text: string): text is Requirement['operator'] =>
  ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'].includes(text);

/** The requirements written in a manifest as `[{key, operator, values}]`; an unknown operator matches nothing. */
export const requirementsOf = (expressions: unknown): readonly Requirement[] =>
  (isList(expressions) ? expressions : []).map((expression) => {
    const operator = textAt(expression, 'operator');
    return {
      key: textAt(expression, 'key'),
      operator: isOperator(operator) ? operator : 'In',
      values: listAt(expression, 'values').filter((value) => typeof value === 'string'),
    };
  });

/** The requirements of a metav1.LabelSelector. */
export const labelSelectorOf = (selector: unknown): readonly Requirement[] => [
  ...Object.entries(textsAt(selector, 'matchLabels')).map(([name, value]): Requirement => ({
    key: name,
    operator: 'In',
    values: [value],
  })),
  ...requirementsOf(listAt(selector, 'matchExpressions')),
];

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
