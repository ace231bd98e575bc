type Place = {
  readonly base: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** The only namespace in which scenarios read this kind. */
  readonly namespace?: string;
};

/** The kinds that scenarios use, and their API paths. */
const places = {
  Namespace: { base: '/api/v1', plural: 'namespaces', isNamespaced: false },
  Node: { base: '/api/v1', plural: 'nodes', isNamespaced: false },
  Pod: { base: '/api/v1', plural: 'pods', isNamespaced: true },
  Event: { base: '/api/v1', plural: 'events', isNamespaced: true },
  Secret: { base: '/api/v1', plural: 'secrets', isNamespaced: true },
  ServiceAccount: { base: '/api/v1', plural: 'serviceaccounts', isNamespaced: true },
  ResourceQuota: { base: '/api/v1', plural: 'resourcequotas', isNamespaced: true },
  Job: { base: '/apis/batch/v1', plural: 'jobs', isNamespaced: true },
  /** The Lease of a kubelet, which is its heartbeat. */
  Lease: { base: '/apis/coordination.k8s.io/v1', plural: 'leases', isNamespaced: true, namespace: 'kube-node-lease' },
  PriorityClass: { base: '/apis/scheduling.k8s.io/v1', plural: 'priorityclasses', isNamespaced: false },
  /** A kind of workloads that has no controller. */
  Rollout: { base: '/apis/argoproj.io/v1alpha1', plural: 'rollouts', isNamespaced: true },
  ImageCache: { base: '/apis/kubefledged.io/v1alpha2', plural: 'imagecaches', isNamespaced: true },
} as const;

export type Kind = keyof typeof places;

export const isNamespaced = (kind: Kind): boolean => places[kind].isNamespaced;

export const apiVersionOf = (kind: Kind): string => places[kind].base.replace(/^\/apis?\//, '');

/** The collection path of a kind, in one namespace if the kind is namespaced; Leases have a fixed namespace. */
export function collection(kind: Kind, namespace: string): string {
  const place: Place = places[kind];
  if (!place.isNamespaced) return `${place.base}/${place.plural}`;
  return `${place.base}/namespaces/${place.namespace ?? namespace}/${place.plural}`;
}
