import { type JsonObject, at, listAt, numberAt, objectAt, textAt } from '../json.ts';
import type { Core } from './core.ts';
import { enforceLabel, namespaces } from './kinds/namespace.ts';
import { type KubeObject, labelsOf, nameOf, namespaceOf } from './kube-object.ts';
import { type Resource, storageKey } from './resource.ts';
import { forbidden } from './status-error.ts';

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
