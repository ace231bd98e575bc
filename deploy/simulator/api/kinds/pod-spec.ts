import { type JsonObject, isObject, listAt, textAt } from '../../json.ts';
import type { FieldError } from '../status-error.ts';
import { duplicate, required, unsupported } from '../schema/field-errors.ts';
import { nameErrors } from '../schema/metadata-check.ts';

const policyOf = (image: string): string => {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return !name.includes('@') && (!name.includes(':') || name.endsWith(':latest')) ? 'Always' : 'IfNotPresent';
};

const container = (spec: JsonObject): JsonObject => ({
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: policyOf(textAt(spec, 'image')),
  resources: {},
  ...spec,
});

const volume = (spec: JsonObject): JsonObject => {
  const image = spec['image'];
  if (!isObject(image)) return spec;
  return { ...spec, image: { pullPolicy: policyOf(textAt(image, 'reference')), ...image } };
};

const each = (spec: JsonObject, field: string, change: (item: JsonObject) => JsonObject): JsonObject =>
  spec[field] === undefined
    ? {}
    : { [field]: listAt(spec, field).map((item) => (isObject(item) ? change(item) : item)) };

/** A pod's spec with what the API server fills in. */
export const podSpecDefaults = (spec: JsonObject): JsonObject => ({
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  dnsPolicy: 'ClusterFirst',
  schedulerName: 'default-scheduler',
  securityContext: {},
  ...spec,
  ...each(spec, 'containers', container),
  ...each(spec, 'initContainers', container),
  ...each(spec, 'volumes', volume),
});

const containerErrors = (spec: JsonObject, field: string, path: string): readonly FieldError[] => {
  const names = listAt(spec, field).map((one) => textAt(one, 'name'));
  return listAt(spec, field).flatMap((one, index) => {
    const at = `${path}.${field}[${index}]`;
    const name = textAt(one, 'name');
    return [
      ...(name === '' ? [required(`${at}.name`)] : nameErrors(`${at}.name`, name, 'label')),
      ...(name !== '' && names.indexOf(name) !== index ? [duplicate(`${at}.name`, name)] : []),
      ...(textAt(one, 'image') === '' ? [required(`${at}.image`)] : []),
    ];
  });
};

const policies = ['Always', 'OnFailure', 'Never'] as const;

/** What is wrong with a pod's spec, of the things that go wrong in practice. */
export const podSpecErrors = (spec: JsonObject, path: string): readonly FieldError[] => [
  ...(listAt(spec, 'containers').length === 0 ? [required(`${path}.containers`)] : []),
  ...containerErrors(spec, 'initContainers', path),
  ...containerErrors(spec, 'containers', path),
  ...(policies.some((policy) => policy === spec['restartPolicy'])
    ? []
    : [unsupported(`${path}.restartPolicy`, spec['restartPolicy'], policies)]),
];
