import type { V1NodeAffinity } from '@kubernetes/client-node';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { hasImageVolumes, type Node } from '#model/node/node.ts';

/** Parts that the Pods of pull and removal Jobs share. */

type NodeAffinity = Serialized<V1NodeAffinity>;

/** Security context of all containers: no capabilities and no way to gain any. */
export const restrictedSecurityContext = {
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
};

/** Annotations of all Pods: autoscalers may evict them, service meshes inject no sidecar. */
export const podAnnotations = {
  'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true',
  'sidecar.istio.io/inject': 'false',
  'linkerd.io/inject': 'disabled',
};

/** Selects a node by name, as DaemonSets do, because the hostname label may be missing or shared. */
export function nodeAffinity(name: string): NodeAffinity {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [name] }];
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } };
}

/** The field, or nothing if its value is ''. */
export const optionalField = (key: string, value: string): Readonly<Record<string, string>> =>
  value === '' ? {} : { [key]: value };

/** Prefix of a Job's name: the cache's name, cut so that a hash of 12 characters fits after it. */
export const jobNamePrefix = (cacheName: string): string =>
  cacheName
    .slice(0, 40)
    .replace(/[^a-z0-9]+$/, '')
    .replaceAll('.', '-');

/**
 * Name of an image's container. It has the index of the image, because admission webhooks may rewrite images but not
 * names.
 */
export const containerName = (index: number): string => `image-${index}`;

/** Whether pull Jobs mount images as volumes on this node, or run a copied no-op in them. */
export const mountsImages = (entry: LedgerEntry, node: Node): boolean => hasImageVolumes(node) && !entry.copiesNoop;

/** Name of the init container that copies the no-op. */
export const helperContainer = 'noop' as const;

/** A type of the Kubernetes client as JSON: dates are text, all fields are readonly. */
export type Serialized<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Serialized<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Serialized<T[Key]> }
      : T;
