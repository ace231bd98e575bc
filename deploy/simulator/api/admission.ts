import { at, listAt, numberAt, objectAt, textAt, withAt } from '../json.ts';
import type { Core } from './core.ts';
import { namespaces } from './kinds/namespace.ts';
import { serviceAccounts } from './kinds/plain.ts';
import { priorityClasses } from './kinds/priority-class.ts';
import { resourceQuotas } from './kinds/resource-quota.ts';
import { type KubeObject, isTerminating, kubeObject, nameOf, namespaceOf } from './kube-object.ts';
import { type Resource, storageKey } from './resource.ts';
import { StatusError, forbidden, notFound, qualified } from './status-error.ts';

/** A namespaced object needs its namespace, and one that is going takes no more. Throws 404 or 403. */
export const admitToNamespace = (core: Core, resource: Resource, object: KubeObject): void => {
  if (!resource.namespaced) return;
  const namespace = core.store.get(storageKey(namespaces), '', namespaceOf(object));
  if (namespace === undefined) throw notFound(namespaces, namespaceOf(object));
  if (!isTerminating(namespace)) return;
  const refused = forbidden(
    resource,
    nameOf(object),
    `unable to create new content in namespace ${nameOf(namespace)} because it is being terminated`,
  );
  throw new StatusError(403, 'Forbidden', refused.message, {
    ...refused.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${nameOf(namespace)} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  });
};

/** A pod needs its service account and priority class to exist; what the latter says is written into it. Throws 403. */
export const admitPod = (core: Core, resource: Resource, pod: KubeObject): KubeObject => {
  if (resource.kind !== 'Pod') return pod;
  const [namespace, account] = [namespaceOf(pod), textAt(pod, 'spec', 'serviceAccountName')];
  if (core.store.get(storageKey(serviceAccounts), namespace, account) === undefined)
    throw forbidden(
      resource,
      nameOf(pod),
      `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
    );
  return withPriority(core, resource, pod);
};

const withPriority = (core: Core, resource: Resource, pod: KubeObject): KubeObject => {
  const name = textAt(pod, 'spec', 'priorityClassName');
  const chosen =
    name === ''
      ? core.store.list(storageKey(priorityClasses)).find(isGlobalDefault)
      : core.store.get(storageKey(priorityClasses), '', name);
  if (chosen === undefined && name !== '')
    throw forbidden(resource, nameOf(pod), `no PriorityClass with name ${name} was found`);
  const priority = numberAt(chosen, 'value') ?? 0;
  const preemptionPolicy = textAt(chosen, 'preemptionPolicy') || 'PreemptLowerPriority';
  const given = objectAt(pod, 'spec');
  if ((given['priority'] ?? priority) !== priority)
    throw forbidden(
      resource,
      nameOf(pod),
      `the integer value of priority (${String(given['priority'])}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    );
  if ((given['preemptionPolicy'] ?? preemptionPolicy) !== preemptionPolicy)
    throw forbidden(
      resource,
      nameOf(pod),
      `the string value of PreemptionPolicy (${String(given['preemptionPolicy'])}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    );
  const named = chosen === undefined ? {} : { priorityClassName: nameOf(chosen) };
  return kubeObject(withAt(pod, ['spec'], { ...given, ...named, priority, preemptionPolicy }));
};

const isGlobalDefault = (one: KubeObject): boolean => at(one, 'globalDefault') === true;

/** No more than one priority class is that of pods which name none. Throws 403. */
export const admitPriorityClass = (core: Core, resource: Resource, object: KubeObject): void => {
  if (resource.kind !== 'PriorityClass' || !isGlobalDefault(object)) return;
  const other = core.store
    .list(storageKey(priorityClasses))
    .find((one) => isGlobalDefault(one) && nameOf(one) !== nameOf(object));
  if (other !== undefined)
    throw forbidden(
      resource,
      nameOf(object),
      `PriorityClass ${nameOf(other)} is already marked as default. Only one default can exist`,
    );
};

/** The name by which a quota counts objects of a resource. */
const countedAs = (resource: Resource): readonly string[] => [
  ...(resource.group === '' ? [resource.plural] : []),
  `count/${qualified(resource.plural, resource.group)}`,
];

const isCounted = (object: KubeObject): boolean =>
  object.kind !== 'Pod' || !['Succeeded', 'Failed'].includes(textAt(object, 'status', 'phase'));

export const usedOf = (core: Core, name: string, namespace: string): number => {
  const resource = core.registry.all().find((one) => one.view === undefined && countedAs(one).includes(name));
  return resource === undefined ? 0 : core.store.list(storageKey(resource), namespace).filter(isCounted).length;
};

/** One more object must fit every quota of its namespace. Throws 403. */
export const admitToQuota = (core: Core, resource: Resource, object: KubeObject): void => {
  if (!resource.namespaced) return;
  for (const quota of core.store.list(storageKey(resourceQuotas), namespaceOf(object)))
    for (const [name, hard] of Object.entries(objectAt(quota, 'spec', 'hard'))) {
      if (!countedAs(resource).includes(name)) continue;
      const used = usedOf(core, name, namespaceOf(object));
      if (used + 1 > Number(hard))
        throw forbidden(
          resource,
          nameOf(object),
          `exceeded quota: ${nameOf(quota)}, requested: ${name}=1, used: ${name}=${used}, limited: ${name}=${String(hard)}`,
        );
    }
};

export const isLastFinalizerGone = (object: KubeObject): boolean =>
  isTerminating(object) &&
  listAt(object, 'metadata', 'finalizers').length === 0 &&
  listAt(object, 'spec', 'finalizers').length === 0;
