import { type JsonObject, at, numberAt, textAt } from '../../json.ts';
import { type KubeObject, kubeObject, nameOf, withMetadata } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { forbiddenField, invalidValue, unsupported } from '../schema/field-errors.ts';
import type { FieldError } from '../status-error.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';

/** The classes that every cluster has from its start. */
export const systemPriorityClasses: readonly JsonObject[] = [
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
].map((one) => ({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', ...one }));

const highest = 1_000_000_000;
const policies = ['PreemptLowerPriority', 'Never'] as const;

const isSystem = (one: KubeObject): boolean =>
  systemPriorityClasses.some((known) => nameOf(known) === nameOf(one) && known['value'] === one['value']);

const nameErrors = (one: KubeObject): readonly FieldError[] => {
  if (isSystem(one)) return [];
  if (nameOf(one).startsWith('system-'))
    return [
      forbiddenField(
        'metadata.name',
        `priority class names with 'system-' prefix are reserved for system use only. error: ${nameOf(one)} is not a known system priority class`,
      ),
    ];
  return (numberAt(one, 'value') ?? 0) > highest
    ? [forbiddenField('value', `maximum allowed value of a user defined priority is ${highest}`)]
    : [];
};

const validate = (one: KubeObject, old: KubeObject | undefined): readonly FieldError[] => {
  const policy = at(one, 'preemptionPolicy');
  const errors = [
    ...nameErrors(one),
    ...(policies.some((each) => each === policy) ? [] : [unsupported('preemptionPolicy', policy, policies)]),
  ];
  if (old === undefined) return errors;
  return [
    ...errors,
    ...(one['value'] === old['value'] ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
    ...(policy === old['preemptionPolicy'] ? [] : [invalidValue('preemptionPolicy', policy, 'field is immutable')]),
  ];
};

/** How important pods are; here nothing is preempted, as nodes have room for all. */
export const priorityClasses: Resource = builtIn({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  model: 'V1PriorityClass',
  description: 'How important a pod is, by name. Nothing is preempted in this cluster.',
  columns: [
    nameColumn,
    { ...column('Value', (one) => numberAt(one, 'value') ?? 0), type: 'integer' },
    { ...column('Global-Default', (one) => at(one, 'globalDefault') === true), type: 'boolean' },
    ageColumn,
    column('PreemptionPolicy', (one) => textAt(one, 'preemptionPolicy')),
  ],
  strategy: {
    prepare: (one, old) => {
      const filled = kubeObject({ value: 0, preemptionPolicy: 'PreemptLowerPriority', ...one });
      return old === undefined ? withMetadata(filled, { generation: 1 }) : filled; // and so it stays
    },
    validate,
  },
});
