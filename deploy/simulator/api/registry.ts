import { customResourceDefinitions } from './kinds/custom-resource-definition.ts';
import { events } from './kinds/event.ts';
import { jobs } from './kinds/job.ts';
import { namespaces } from './kinds/namespace.ts';
import { nodes } from './kinds/node.ts';
import { leases, secrets, serviceAccounts } from './kinds/plain.ts';
import { pods } from './kinds/pod.ts';
import { priorityClasses } from './kinds/priority-class.ts';
import { resourceQuotas } from './kinds/resource-quota.ts';
import type { Resource } from './resource.ts';

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
