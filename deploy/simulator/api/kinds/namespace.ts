import { listAt, textAt, withAt } from '../../json.ts';
import { isTerminating, kubeObject, labelsOf, nameOf } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { notImplemented } from '../status-error.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';

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
