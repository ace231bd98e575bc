import { objectAt, textAt, textsAt, numberAt, type JsonObject, listAt, withAt } from '../../json.ts';
import { kubeObject, type KubeObject, isTerminating, labelsOf, nameOf } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';
import { notImplemented } from '../status-error.ts';

/** Secrets: stringData is a write-only way to fill data. */
export const secrets: Resource = builtIn({
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  model: 'V1Secret',
  description: 'Small pieces of confidential data. This cluster keeps them in plain memory.',
  columns: [nameColumn, column('Type', (object) => textAt(object, 'type')), ageColumn],
  strategy: {
    prepare: ({ stringData, ...object }) => {
      const texts = Object.entries(textsAt({ stringData }, 'stringData'));
      const written = Object.fromEntries(texts.map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
      return kubeObject({ type: 'Opaque', ...object, data: { ...objectAt(object, 'data'), ...written } });
    },
  },
});

export const serviceAccounts: Resource = builtIn({
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  model: 'V1ServiceAccount',
  description: 'An identity for pods.',
});

export const leases: Resource = builtIn({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  model: 'V1Lease',
  description: 'A claim on something that ends unless it is renewed.',
  createOnUpdate: true,
  unconditionalUpdate: false,
  columns: [nameColumn, column('Holder', (object) => textAt(object, 'spec', 'holderIdentity')), ageColumn],
});

/** The priority of Pods, by name. Nothing is preempted, as nodes have room for all. */
export const priorityClasses: Resource = builtIn({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  model: 'V1PriorityClass',
  description: 'The priority of Pods, by name. Nothing is preempted in this cluster.',
  columns: [nameColumn, { ...column('Value', (one) => numberAt(one, 'value') ?? 0), type: 'integer' }, ageColumn],
});

const counted = /^(pods|secrets|configmaps|count\/[a-z.]+)$/;

const usage = (quota: KubeObject): string =>
  Object.entries(objectAt(quota, 'status', 'hard'))
    .map(([name, hard]) => `${name}: ${textAt(quota, 'status', 'used', name) || '0'}/${String(hard)}`)
    .join(', ');

const onlyCounts = (hard: JsonObject): void => {
  const other = Object.keys(hard).find((name) => !counted.test(name));
  if (other !== undefined) throw notImplemented(`quotas of ${other}: only numbers of objects are counted`);
};

/** Quotas of numbers of objects; of anything else they are refused. */
export const resourceQuotas: Resource = builtIn({
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  hasStatus: true,
  model: 'V1ResourceQuota',
  description: 'How many objects a namespace may hold.',
  columns: [nameColumn, column('Request', usage), column('Limit', () => ''), ageColumn],
  strategy: {
    prepare: (quota) => {
      const hard = objectAt(quota, 'spec', 'hard');
      onlyCounts(hard);
      return kubeObject({ ...quota, status: { hard, used: objectAt(quota, 'status', 'used') } });
    },
  },
});

/** Namespaces: their spec.finalizers keep them until their content is gone. */
export const namespaces: Resource = builtIn({
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  hasStatus: true,
  model: 'V1Namespace',
  description: 'A room for names: objects in it are deleted with it.',
  columns: [nameColumn, column('Status', (object) => textAt(object, 'status', 'phase')), ageColumn],
  fields: (object) => ({ 'status.phase': textAt(object, 'status', 'phase') }),
  strategy: {
    prepare: (object, old) => {
      const named = withAt(object, ['metadata', 'labels', 'kubernetes.io/metadata.name'], nameOf(object));
      const finalizers = old === undefined ? ['kubernetes'] : listAt(old, 'spec', 'finalizers');
      const kept = withAt(named, ['spec', 'finalizers'], finalizers.length === 0 ? undefined : finalizers);
      return kubeObject(withAt(kept, ['status', 'phase'], isTerminating(object) ? 'Terminating' : 'Active'));
    },
    validate: (object) => {
      checkPodSecurityLevel(labelsOf(object));
      return [];
    },
  },
});
export const enforceLabel = 'pod-security.kubernetes.io/enforce' as const;
/** Throws 501 for a level other than `privileged` and `restricted`. */
const checkPodSecurityLevel = (labels: Readonly<Record<string, string>>): void => {
  const level = labels[enforceLabel] ?? 'privileged';
  if (!['privileged', 'restricted'].includes(level)) throw notImplemented(`the Pod Security level ${level}`);
};
