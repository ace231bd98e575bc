import { at, isList, isObject, type JsonObject, listAt, textAt } from '../../json.ts';
import type { FieldError } from '../status-error.ts';
import { invalidUntold, invalidValue, required, tooLong } from './field-errors.ts';

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?' as const;
const subdomain = `${label}(\\.${label})*` as const;
const key = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]' as const;

const names = {
  subdomain: {
    form: new RegExp(`^${subdomain}$`),
    limit: 253,
    unit: 'characters',
    text: `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`,
  },
  label: {
    form: new RegExp(`^${label}$`),
    limit: 63,
    unit: 'bytes',
    text: `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`,
  },
} as const;

export type NameForm = keyof typeof names;

export const nameErrors = (field: string, name: string, form: NameForm): readonly FieldError[] => {
  const { form: pattern, limit, unit, text } = names[form];
  return [
    ...(name.length > limit ? [invalidValue(field, name, `must be no more than ${limit} ${unit}`)] : []),
    ...(pattern.test(name)
      ? []
      : [invalidValue(field, name, form === 'label' && name.includes('.') ? 'must not contain dots' : text)]),
  ];
};

const keyErrors = (field: string, name: string): readonly FieldError[] => {
  const [domain, ...rest] = name.includes('/') ? name.split('/') : [undefined, name];
  const part = rest.join('/');
  const form = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${key}')`;
  const prefix =
    domain === undefined
      ? []
      : domain === ''
        ? [invalidValue(field, name, 'prefix part must be non-empty')]
        : nameErrors(field, domain, 'subdomain').map(() =>
            invalidValue(field, name, `prefix part ${names.subdomain.text}`),
          );
  if (part === '') return [...prefix, invalidValue(field, name, 'name part must be non-empty')];
  return [
    ...prefix,
    ...(part.length > 63 ? [invalidValue(field, name, 'name part must be no more than 63 bytes')] : []),
    ...(new RegExp(`^${key}$`).test(part) ? [] : [invalidValue(field, name, `name part ${form}`)]),
  ];
};

/** What is wrong with labels at a field. */
export const labelErrors = (labels: JsonObject, field: string): readonly FieldError[] =>
  Object.entries(labels).flatMap(([name, value]) => [
    ...keyErrors(field, name),
    ...(String(value).length > 63 ? [invalidValue(field, value, 'must be no more than 63 bytes')] : []),
    ...(new RegExp(`^(${key})?$`).test(String(value))
      ? []
      : [
          invalidValue(
            field,
            value,
            `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${key})?')`,
          ),
        ]),
  ]);

const annotationErrors = (annotations: JsonObject): readonly FieldError[] => {
  const size = Object.entries(annotations).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  return [
    ...Object.keys(annotations).flatMap((name) => keyErrors('metadata.annotations', name.toLowerCase())),
    ...(size > 256 * 1024 ? [tooLong('metadata.annotations', 256 * 1024)] : []),
  ];
};

const ownerErrors = (owners: readonly unknown[]): readonly FieldError[] => [
  ...owners.flatMap((owner) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((field) => textAt(owner, field) === '')
      .map((field) => invalidValue(`metadata.ownerReferences.${field}`, '', 'must not be empty')),
  ),
  ...(owners.filter((owner) => at(owner, 'controller') === true).length > 1
    ? [invalidUntold('metadata.ownerReferences', 'Only one reference can have Controller set to true')]
    : []),
];

const finalizerErrors = (finalizers: readonly unknown[]): readonly FieldError[] =>
  finalizers.filter((one) => typeof one === 'string').flatMap((one) => keyErrors('metadata.finalizers', one));

/** What Kubernetes demands of any object's metadata. */
export const metadataErrors = (object: JsonObject, form: NameForm): readonly FieldError[] => {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const name = textAt(metadata, 'name');
  return [
    ...(name === ''
      ? [required('metadata.name', 'name or generateName is required')]
      : nameErrors('metadata.name', name, form)),
    ...labelErrors(isObject(metadata['labels']) ? metadata['labels'] : {}, 'metadata.labels'),
    ...annotationErrors(isObject(metadata['annotations']) ? metadata['annotations'] : {}),
    ...ownerErrors(listAt(metadata, 'ownerReferences')),
    ...finalizerErrors(listAt(metadata, 'finalizers')),
  ];
};

const mapTypeErrors = (metadata: JsonObject, field: 'labels' | 'annotations'): readonly string[] => {
  const map = metadata[field];
  if (map === undefined || map === null) return [];
  if (!isObject(map)) return [`ObjectMeta.metadata.${field} of type map[string]string`];
  return Object.values(map).some((value) => typeof value !== 'string')
    ? [`ObjectMeta.metadata.${field} of type string`]
    : [];
};

/** The metadata fields of a wrong type, as Go's decoder names them; such a body is not decoded. */
export const metadataTypeErrors = (metadata: unknown): readonly string[] => {
  if (metadata === undefined || metadata === null) return [];
  if (!isObject(metadata)) return ['ObjectMeta.metadata of type v1.ObjectMeta'];
  return [
    ...(['name', 'generateName', 'namespace', 'resourceVersion', 'uid'] as const)
      .filter(
        (field) => metadata[field] !== undefined && metadata[field] !== null && typeof metadata[field] !== 'string',
      )
      .map((field) => `ObjectMeta.metadata.${field} of type string`),
    ...mapTypeErrors(metadata, 'labels'),
    ...mapTypeErrors(metadata, 'annotations'),
    ...(['finalizers', 'ownerReferences'] as const)
      .filter((field) => metadata[field] !== undefined && metadata[field] !== null && !isList(metadata[field]))
      .map((field) => `ObjectMeta.metadata.${field} of type []`),
  ];
};
