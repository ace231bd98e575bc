import type { V1NodeAffinity } from '@kubernetes/client-node';
import type { Serialized } from '#model/text/serialized.ts';

/** What the Pods of pull and removal Jobs have in common. */

type NodeAffinity = Serialized<V1NodeAffinity>;

/** No rights, and no way to any. */
export const restrictedSecurityContext = {
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
};

/** Autoscalers may take the node at any time, and meshes put nothing into the Pod. */
export const podAnnotations = {
  'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true',
  'sidecar.istio.io/inject': 'false',
  'linkerd.io/inject': 'disabled',
};

/** By name, as DaemonSets do: the hostname label may be missing or shared. */
export function nodeAffinity(name: string): NodeAffinity {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [name] }];
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } };
}

/** A field that is left out where its value is ''. */
export const optionalField = (key: string, value: string): Readonly<Record<string, string>> =>
  value === '' ? {} : { [key]: value };
/** What a Job's name begins with: as much of its cache's name as leaves room for a hash of 12. */
export const jobNamePrefix = (cacheName: string): string =>
  cacheName
    .slice(0, 40)
    .replace(/[^a-z0-9]+$/, '')
    .replaceAll('.', '-');
