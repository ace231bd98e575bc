import { type JsonObject, objectAt, textAt } from '../../json.ts';
import type { FieldError } from '../status-error.ts';
import { invalidValue, required } from './field-errors.ts';

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?' as const;
const key = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]' as const;

const names = {
  subdomain: { form: new RegExp(String.raw`^${label}(\.${label})*$`), limit: 253 },
  label: { form: new RegExp(`^${label}$`), limit: 63 },
} as const;

export type NameForm = keyof typeof names;

export const nameErrors = (field: string, name: string, form: NameForm): readonly FieldError[] => {
  const { form: pattern, limit } = names[form];
  return [
    ...(name.length > limit ? [invalidValue(field, name, `must be no more than ${limit} characters`)] : []),
    ...(pattern.test(name) ? [] : [invalidValue(field, name, `a lowercase RFC 1123 ${form} must match ${pattern}`)]),
  ];
};

/** A key of a label or annotation: a name of at most 63 characters, after a domain if there is one. */
const isKey = (text: string): boolean => {
  const [name = '', domain, ...others] = text.split('/').toReversed();
  const hasForm = name.length <= 63 && new RegExp(`^${key}$`).test(name);
  return hasForm && others.length === 0 && (domain === undefined || nameErrors('', domain, 'subdomain').length === 0);
};

const keyErrors = (map: JsonObject, field: string): readonly FieldError[] =>
  Object.keys(map)
    .filter((name) => !isKey(name))
    .map((name) => invalidValue(field, name, 'must be a qualified name'));

/** What is wrong with labels at a field. */
export const labelErrors = (labels: JsonObject, field: string): readonly FieldError[] => [
  ...keyErrors(labels, field),
  ...Object.values(labels)
    .filter((value) => String(value).length > 63 || !new RegExp(`^(${key})?$`).test(String(value)))
    .map((value) => invalidValue(field, value, 'must be a valid label value')),
];

/** What Kubernetes demands of any object's name, labels and annotations. */
export const metadataErrors = (object: JsonObject, form: NameForm): readonly FieldError[] => {
  const name = textAt(object, 'metadata', 'name');
  return [
    ...(name === '' ? [required('metadata.name')] : nameErrors('metadata.name', name, form)),
    ...labelErrors(objectAt(object, 'metadata', 'labels'), 'metadata.labels'),
    ...keyErrors(objectAt(object, 'metadata', 'annotations'), 'metadata.annotations'),
  ];
};
