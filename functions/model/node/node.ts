import { labels } from '#model/cache/api.ts';
import { hash } from '#model/text/hash.ts';
import type { Toleration, UnschedulablePolicy } from '#model/cache/spec-schema.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';

/** A parsed Node, with the fields that functions need. */
export type Node = {
  readonly name: string;
  readonly uid: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Hash of uid, machine id and system uuid: differs for another machine with the same name. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly isReady: boolean;
  /** When its kubelet last reported its status, by its own clock, in epoch milliseconds; 0 if it is not known. */
  readonly reportedAt: number;
  readonly isUnschedulable: boolean;
  readonly hasDiskPressure: boolean;
  readonly isBeingDeleted: boolean;
  readonly operatingSystem: string;
  /** As reported: `v1.36.3`. */
  readonly kubeletVersion: string;
  /** As reported: `containerd://2.2.9`. */
  readonly containerRuntime: string;
  /**
   * Normalised references of images on the node. Kubelets report at most 50 images with 5 names each, up to 40 s late:
   * presence is proof, absence is not.
   */
  readonly images: ReadonlySet<string>;
  /** Digests of the image by normalised reference with a tag. Nothing is known about references that are missing. */
  readonly digests: ReadonlyMap<string, ReadonlySet<string>>;
  /** The list has fewer than 50 images and none with 5 names: an image that is missing is not on the node. */
  readonly isImageListComplete: boolean;
};

export type Taint = { readonly key: string; readonly value: string; readonly effect: string };

export const nodeId = (uid: string, machineId: string, systemUuid: string): string =>
  hash(12, uid, machineId, systemUuid);

/** Why a node gets no Job. */
export type SkipReason =
  | 'BeingDeleted'
  | 'Virtual'
  | 'OtherOperatingSystem'
  | 'OptedOut'
  | 'NotReady'
  | 'Unschedulable'
  | 'DiskPressure'
  | 'TaintNotTolerated';

/** Why nothing can run on a node, neither pulls nor removals; undefined if Jobs can. The first reason that applies is reported. */
export function unavailableReason(node: Node): SkipReason | undefined {
  if (node.isBeingDeleted || node.taints.some((taint) => deletionTaints.has(taint.key))) return 'BeingDeleted';
  if (isVirtual(node)) return 'Virtual';
  if (node.operatingSystem !== 'linux') return 'OtherOperatingSystem';
  if (isOptedOut(node)) return 'OptedOut';
  return node.isReady ? undefined : 'NotReady';
}

/** Whether somebody wants no Jobs on the node at all, by its label. */
export const isOptedOut = ({ labels: { [labels.skip]: value = 'false' } }: Pick<Node, 'labels'>): boolean =>
  value !== 'false';

/** On which nodes a cache pulls. */
type PullRules = {
  /** undefined tolerates every taint but those of the control plane. */
  readonly tolerations: readonly Toleration[] | undefined;
  /** Whether cordoned nodes pull. */
  readonly unschedulable: UnschedulablePolicy;
};

/** Why images are not pulled on a node; undefined if they can be. */
export function skipReason(node: Node, { tolerations, unschedulable }: PullRules): SkipReason | undefined {
  const reason = unavailableReason(node);
  if (reason !== undefined) return reason;
  if (node.isUnschedulable && unschedulable === 'Skip') return 'Unschedulable';
  if (node.hasDiskPressure) return 'DiskPressure';
  return keepingTaint(tolerations, node.taints) === undefined ? undefined : 'TaintNotTolerated';
}

/** The first taint that keeps the Pods of a cache with these tolerations off the node. */
export const keepingTaint = (tolerations: PullRules['tolerations'], taints: readonly Taint[]): Taint | undefined =>
  tolerations === undefined
    ? taints.find(({ key, effect }) => effect !== 'PreferNoSchedule' && controlPlaneTaints.has(key))
    : untoleratedTaint(tolerations, taints);

/** Pulls fill disks and use the kubelet, which a control plane needs: a cache has to ask for such nodes. */
const controlPlaneTaints: ReadonlySet<string> = new Set([
  'node-role.kubernetes.io/control-plane',
  'node-role.kubernetes.io/master',
]);

/** Whether a node is of a kind that never gets Jobs. */
export const isNeverSupported = (node: Node): boolean => isVirtual(node) || node.operatingSystem !== 'linux';

/** Whether a Job on the node cannot finish, because its kubelet is not reachable. */
export const isUnreachable = (reason: SkipReason | undefined): boolean =>
  reason === 'NotReady' || reason === 'BeingDeleted';

/** Taints on machines marked for scale-down. */
const deletionTaints: ReadonlySet<string> = new Set([
  'ToBeDeletedByClusterAutoscaler',
  'karpenter.sh/disrupted',
  'karpenter.sh/disruption',
]);

const [kindLabel, computeTypeLabel] = ['type', 'eks.amazonaws.com/compute-type'] as const;

/** Keys of labels that matter to every cache. */
export const meaningfulLabels: readonly string[] = [
  labels.skip,
  kindLabel,
  computeTypeLabel,
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
];

/** A virtual node has no image store. */
function isVirtual(node: Node): boolean {
  return (
    node.labels[kindLabel] === 'virtual-kubelet' ||
    node.labels[computeTypeLabel] === 'fargate' ||
    node.taints.some((taint) => taint.key === 'virtual-kubelet.io/provider')
  );
}

/** The taints that do not come and go with the state of the node: its conditions, a cordon, its removal. */
export const lastingTaints = (taints: readonly Taint[]): readonly Taint[] =>
  taints.filter(({ key }) => !isConditionTaint(key) && !deletionTaints.has(key));

/** Whether Kubernetes adds and removes a taint with this key by itself. */
export const isConditionTaint = (key: string): boolean => /^node\.(?:cloudprovider\.)?kubernetes\.io\//.test(key);

/** The first taint that keeps Pods with these tolerations off the node, by the scheduler's rule: PreferNoSchedule needs none. */
export const untoleratedTaint = (tolerations: readonly Toleration[], taints: readonly Taint[]): Taint | undefined =>
  taints.find(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );

function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = '', operator = 'Equal', value = '', effect = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key === '') return operator === 'Exists';
  return key === taint.key && (operator === 'Exists' || value === taint.value);
}

/** Whether the node can mount images as volumes, so that no container of them is started. */
export function hasImageVolumes(node: Node): boolean {
  const [runtime = '', version = ''] = node.containerRuntime.split('://');
  const minimum = { containerd: '2.1', 'cri-o': '1.33' }[runtime];
  return isAtLeast(node.kubeletVersion, '1.35') && minimum !== undefined && isAtLeast(version, minimum);
}

/** Whether the kubelet remembers with whose credentials it pulled an image, and asks the registry again for others (KEP-2535). */
export const keepsPullRecords = ({ kubeletVersion }: Node): boolean => isAtLeast(kubeletVersion, '1.35');

function isAtLeast(version: string, minimum: string): boolean {
  const [major = 0, minor = 0] = numbersOf(version);
  const [minMajor = 0, minMinor = 0] = numbersOf(minimum);
  return major > minMajor || (major === minMajor && minor >= minMinor);
}

const numbersOf = (version: string): readonly number[] => (version.match(/\d+/g) ?? []).map(Number);

/** On which nodes a cache pulls: by its spec, else by the operator's settings. */
export function pullRules({ spec }: ImageCache, settings: Settings): PullRules {
  const unschedulable = spec.unschedulable ?? settings.unschedulable;
  const { tolerations, warmGate } = spec;
  if (tolerations === undefined) return { tolerations, unschedulable };
  const own: readonly Toleration[] = [
    ...(warmGate === undefined ? [] : [{ key: warmGate.taintKey, operator: 'Exists' }]),
    ...(unschedulable === 'Pull' ? [cordon] : []),
  ];
  return { tolerations: [...tolerations, ...own], unschedulable };
}

/** Tolerates the taint of cordoned nodes, as Pods of a DaemonSet do. */
const cordon: Toleration = { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' };

/**
 * The CRI socket of a node: the operator's setting, else the default of its runtime and distribution; undefined if
 * unknown.
 */
export function criSocket({ containerRuntime, kubeletVersion }: Node, { criSocketPath }: Settings): string | undefined {
  if (criSocketPath !== '') return criSocketPath;
  const [runtime = '', version = ''] = containerRuntime.split('://');
  if (runtime === 'containerd' && version.includes('-k3s')) return '/run/k3s/containerd/containerd.sock';
  if (runtime === 'containerd' && kubeletVersion.includes('+k0s')) return '/run/k0s/containerd.sock';
  return sockets[runtime];
}

/** Default sockets by the runtime that the kubelet reports. Docker has CRI only through cri-dockerd. */
const sockets: Readonly<Record<string, string>> = {
  containerd: '/run/containerd/containerd.sock',
  'cri-o': '/var/run/crio/crio.sock',
  docker: '/run/cri-dockerd.sock',
};

/** Whether the node's configuration decides which registry a name without one is in: CRI-O asks its registries.conf. */
export function isCompletedByNode(image: string, { containerRuntime }: Node): boolean {
  const [first = '', rest] = image.split('/');
  const hasRegistry = rest !== undefined && (/[.:]/.test(first) || first === 'localhost');
  return !hasRegistry && containerRuntime.startsWith('cri-o');
}
