import { listAt, numberAt, objectAt, textAt, type JsonObject, at } from '../json.ts';
import type { Core } from './core.ts';
import { namespaces, enforceLabel, serviceAccounts, priorityClasses, resourceQuotas } from './kinds/plain.ts';
import { type KubeObject, isTerminating, kubeObject, nameOf, namespaceOf, labelsOf } from './kube-object.ts';
import { type Resource, storageKey } from './resource.ts';
import { forbidden, notFound, qualified } from './status-error.ts';

/** A namespaced object needs its namespace, and one that is going takes no more. Throws 404 or 403. */
export const admitToNamespace = (core: Core, resource: Resource, object: KubeObject): void => {
  if (!resource.namespaced) return;
  const namespace = core.store.get(storageKey(namespaces), '', namespaceOf(object));
  if (namespace === undefined) throw notFound(namespaces, namespaceOf(object));
  if (!isTerminating(namespace)) return;
  throw forbidden(
    resource,
    nameOf(object),
    `unable to create new content in namespace ${nameOf(namespace)} because it is being terminated`,
  );
};

/** Refuses a Pod whose service account or priority class does not exist, and sets its priority. Throws 403. */
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

/** The Pod with the priority of the class that it names. */
const withPriority = (core: Core, resource: Resource, pod: KubeObject): KubeObject => {
  const name = textAt(pod, 'spec', 'priorityClassName');
  const found = core.store.get(storageKey(priorityClasses), '', name);
  const priority = systemPriorities[name] ?? numberAt(found, 'value');
  if (priority === undefined && name !== '')
    throw forbidden(resource, nameOf(pod), `no PriorityClass with name ${name} was found`);
  const spec = { preemptionPolicy: 'PreemptLowerPriority', ...objectAt(pod, 'spec') };
  return kubeObject({ ...pod, spec: { ...spec, priority: priority ?? 0 } });
};

/** The classes that every API server has. */
const systemPriorities: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

/** The name by which a quota counts objects of a resource. */
const countedAs = (resource: Resource): readonly string[] => [
  ...(resource.group === '' ? [resource.plural] : []),
  `count/${qualified(resource.plural, resource.group)}`,
];

const isCounted = (object: KubeObject): boolean =>
  object.kind !== 'Pod' || !['Succeeded', 'Failed'].includes(textAt(object, 'status', 'phase'));

export const usedOf = (core: Core, name: string, namespace: string): number => {
  const resource = core.registry.all().find((one) => countedAs(one).includes(name));
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

const allowedVolumes = [
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral'],
  ...['image', 'persistentVolumeClaim', 'projected', 'secret'],
];

const containersOf = (spec: JsonObject): readonly unknown[] =>
  ['initContainers', 'containers'].flatMap((field) => listAt(spec, field));

const setting = (owner: unknown, ...path: readonly string[]): unknown => at(owner, 'securityContext', ...path);

const capabilities = (container: unknown, list: 'add' | 'drop'): readonly unknown[] =>
  listAt(setting(container, 'capabilities'), list);

/** Whether a setting is allowed for every container, by its own value or else by that of the Pod. */
const isSet = (spec: JsonObject, path: readonly string[], isAllowed: (value: unknown) => boolean): boolean =>
  [setting(spec, ...path), ...containersOf(spec).map((one) => setting(one, ...path))].every(
    (value) => value === undefined || isAllowed(value),
  ) &&
  (setting(spec, ...path) !== undefined || containersOf(spec).every((one) => setting(one, ...path) !== undefined));

/** The rules of the level `restricted`, by the reason that the API server gives for a violation. */
const rules: readonly (readonly [reason: string, isViolated: (spec: JsonObject) => boolean])[] = [
  ['host namespaces', (spec) => ['hostNetwork', 'hostPID', 'hostIPC'].some((field) => spec[field] === true)],
  [
    'hostPort',
    (spec) => containersOf(spec).some((one) => listAt(one, 'ports').some((port) => numberAt(port, 'hostPort'))),
  ],
  ['privileged', (spec) => containersOf(spec).some((one) => setting(one, 'privileged') === true)],
  [
    'allowPrivilegeEscalation != false',
    (spec) => containersOf(spec).some((one) => setting(one, 'allowPrivilegeEscalation') !== false),
  ],
  [
    'unrestricted capabilities',
    (spec) =>
      containersOf(spec).some(
        (one) =>
          !capabilities(one, 'drop').includes('ALL') ||
          capabilities(one, 'add').some((name) => name !== 'NET_BIND_SERVICE'),
      ),
  ],
  [
    'restricted volume types',
    (spec) => listAt(spec, 'volumes').some((volume) => !allowedVolumes.some((type) => at(volume, type) !== undefined)),
  ],
  ['runAsNonRoot != true', (spec) => !isSet(spec, ['runAsNonRoot'], (value) => value === true)],
  ['runAsUser=0', (spec) => [spec, ...containersOf(spec)].some((owner) => setting(owner, 'runAsUser') === 0)],
  ['seccompProfile', (spec) => !isSet(spec, ['seccompProfile', 'type'], (value) => value !== 'Unconfined')],
];

/** Refuses a Pod that its namespace's Pod Security level forbids. Throws 403. */
export const admitToPodSecurity = (core: Core, resource: Resource, object: KubeObject): void => {
  if (resource.kind !== 'Pod') return;
  const namespace = core.store.get(storageKey(namespaces), '', namespaceOf(object));
  if (textAt(namespace && labelsOf(namespace), enforceLabel) !== 'restricted') return;
  const spec = objectAt(object, 'spec');
  const violated = rules.flatMap(([reason, isViolated]) => (isViolated(spec) ? [reason] : []));
  if (violated.length > 0)
    throw forbidden(resource, nameOf(object), `violates PodSecurity "restricted:latest": ${violated.join(', ')}`);
};
