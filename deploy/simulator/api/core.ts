import type { Clock } from '../timings.ts';
import type { KubeObject } from './kube-object.ts';
import { type Resource, storageKey } from './resource.ts';
import type { Store } from './store.ts';
import { customResourceDefinitions } from './kinds/custom-resource.ts';
import { events } from './kinds/event.ts';
import { jobs } from './kinds/job.ts';
import { namespaces, leases, secrets, serviceAccounts, priorityClasses, resourceQuotas } from './kinds/plain.ts';
import { nodes } from './kinds/node.ts';
import { pods } from './kinds/pod.ts';

/** What every verb works on. */
export type Core = {
  readonly store: Store;
  readonly registry: Registry;
  readonly clock: Clock;
};

export type WriteOptions = {
  readonly dryRun?: boolean;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** The name and operation under which the write appears in managedFields. */
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
};

export type Written = { readonly object: KubeObject; readonly warnings: readonly string[] };

export const keptIn = (core: Core, resource: Resource, namespace: string, name: string): KubeObject | undefined =>
  core.store.get(storageKey(resource), namespace, name);

/** All kinds that are served. */
export type Registry = {
  readonly all: () => readonly Resource[];
  readonly find: (group: string, version: string, plural: string) => Resource | undefined;
  readonly ofKind: (apiVersion: string, kind: string) => Resource | undefined;
  readonly add: (resource: Resource) => void;
};

const builtIns = [
  events,
  namespaces,
  nodes,
  pods,
  resourceQuotas,
  secrets,
  serviceAccounts,
  customResourceDefinitions,
  jobs,
  leases,
  priorityClasses,
] as const;

export const createRegistry = (): Registry => {
  const resources: Resource[] = [...builtIns];
  return {
    all: () => resources,
    find: (group, version, plural) =>
      resources.find((one) => one.group === group && one.version === version && one.plural === plural),
    ofKind: (apiVersion, kind) => {
      const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
      return resources.find((one) => one.group === group && one.version === version && one.kind === kind);
    },
    add: (resource) => void resources.push(resource),
  };
};
