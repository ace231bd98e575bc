import { isDeepStrictEqual } from 'node:util';
import { at, isObject, listAt, numberAt, objectAt, textAt, withAt } from '../../json.ts';
import { type KubeObject, kubeObject } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { forbiddenField } from '../schema/field-errors.ts';
import type { FieldError } from '../status-error.ts';
import { builtIn } from './built-in.ts';
import { podSpecDefaults, podSpecErrors } from './pod-spec.ts';
import { podColumns } from './pod-table.ts';

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
