import { isDeepStrictEqual } from 'node:util';
import { at, isObject, listAt, numberAt, objectAt, textAt, withAt, type JsonObject } from '../../json.ts';
import { type KubeObject, kubeObject, isTerminating, nameOf } from '../kube-object.ts';
import type { Resource, Column } from '../resource.ts';
import { forbiddenField, duplicate, required, unsupported, nameErrors } from '../schema/field-errors.ts';
import type { FieldError } from '../status-error.ts';
import { builtIn, ageColumn, column } from './built-in.ts';

const standing = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
] as const;

/** Every pod leaves a broken node after five minutes unless it says otherwise. */
const withTolerations = (tolerations: readonly unknown[]): readonly unknown[] => [
  ...tolerations,
  ...standing.filter(
    ({ key }) =>
      !tolerations.some(
        (one) => ['', key].includes(textAt(one, 'key')) && ['', 'NoExecute'].includes(textAt(one, 'effect')),
      ),
  ),
];

const prepare = (pod: KubeObject, old: KubeObject | undefined): KubeObject => {
  const spec = podSpecDefaults(objectAt(pod, 'spec'));
  if (old !== undefined) return kubeObject({ ...pod, spec });
  const account = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount') || 'default';
  return kubeObject({
    ...pod,
    spec: {
      enableServiceLinks: true,
      ...spec,
      serviceAccount: account,
      serviceAccountName: account,
      tolerations: withTolerations(listAt(spec, 'tolerations')),
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  });
};

/** What of a pod may still change: images, deadline, tolerations. */
const fixed = (pod: KubeObject): unknown => {
  const withoutImages = (field: string): unknown[] =>
    listAt(pod, 'spec', field).map((one) => (isObject(one) ? { ...one, image: '' } : one));
  return withAt(
    {
      ...objectAt(pod, 'spec'),
      containers: withoutImages('containers'),
      initContainers: withoutImages('initContainers'),
      tolerations: [],
      activeDeadlineSeconds: 0,
      terminationGracePeriodSeconds: 0,
    },
    ['nodeName'],
    undefined,
  );
};

const validate = (pod: KubeObject, old: KubeObject | undefined): readonly FieldError[] => {
  const errors = podSpecErrors(objectAt(pod, 'spec'), 'spec');
  if (old === undefined || isDeepStrictEqual(fixed(pod), fixed(old))) return errors;
  return [
    ...errors,
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
};

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

/** What holds a container, or how it failed; undefined where neither. */
const trouble = (status: unknown): string | undefined => {
  const waits = textAt(status, 'state', 'waiting', 'reason');
  const failed = (numberAt(status, 'state', 'terminated', 'exitCode') ?? 0) !== 0;
  return waits === '' && failed ? textAt(status, 'state', 'terminated', 'reason') : waits || undefined;
};

/** kubectl's one word for how a pod is. */
export const podReason = (pod: KubeObject): string => {
  const phase = textAt(pod, 'status', 'phase');
  if (isTerminating(pod) && phase !== 'Succeeded' && phase !== 'Failed') return 'Terminating';
  const init = listAt(pod, 'status', 'initContainerStatuses').map(trouble).find(isText);
  if (init !== undefined) return `Init:${init}`;
  const main = listAt(pod, 'status', 'containerStatuses').map(trouble).find(isText);
  return main ?? (textAt(pod, 'status', 'reason') || (phase === 'Succeeded' ? 'Completed' : phase));
};

const isText = (text: string | undefined): boolean => text !== undefined;

const isRunning = (status: unknown): boolean => isObject(at(status, 'state', 'running'));

const ready = (pod: KubeObject): string =>
  `${listAt(pod, 'status', 'containerStatuses').filter(isRunning).length}/${listAt(pod, 'spec', 'containers').length}`;

const podColumns: readonly Column[] = [
  column('Name', nameOf),
  column('Ready', ready),
  column('Status', podReason),
  column('Restarts', () => '0'),
  ageColumn,
  column('Node', (pod) => textAt(pod, 'spec', 'nodeName') || '<none>', 1),
];

/** Pods: deleted with grace once a node has them. */
export const pods: Resource = builtIn({
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  model: 'V1Pod',
  description: 'Containers that run together on one node; here nothing of them is really run.',
  columns: podColumns,
  fields: (pod) => ({
    'spec.nodeName': textAt(pod, 'spec', 'nodeName'),
    'spec.restartPolicy': textAt(pod, 'spec', 'restartPolicy'),
    'spec.schedulerName': textAt(pod, 'spec', 'schedulerName'),
    'spec.serviceAccountName': textAt(pod, 'spec', 'serviceAccountName'),
    'spec.hostNetwork': String(at(pod, 'spec', 'hostNetwork') === true),
    'status.phase': textAt(pod, 'status', 'phase'),
    'status.podIP': textAt(pod, 'status', 'podIP'),
    'status.podIPs': textAt(pod, 'status', 'podIP'),
    'status.nominatedNodeName': textAt(pod, 'status', 'nominatedNodeName'),
  }),
  strategy: {
    prepare,
    validate,
    grace: (pod) => {
      const isOver = ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
      if (textAt(pod, 'spec', 'nodeName') === '' || isOver) return 0;
      return numberAt(pod, 'spec', 'terminationGracePeriodSeconds') ?? 30;
    },
  },
});
