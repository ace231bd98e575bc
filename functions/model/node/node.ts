import { hash } from '#model/text/hash.ts';
import type { Toleration } from '#model/cache/image-cache.ts';

/** What functions look at in a Node. */
export type Node = {
  readonly name: string;
  readonly uid: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Hash of uid, machine id and system uuid: another machine under the same name has another id. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly isReady: boolean;
  readonly isUnschedulable: boolean;
  readonly hasDiskPressure: boolean;
  readonly isBeingDeleted: boolean;
  readonly operatingSystem: string;
  /** As reported: `v1.36.3`. */
  readonly kubeletVersion: string;
  /** As reported: `containerd://2.2.9`. */
  readonly containerRuntime: string;
  /** References on the node, normalised. At most 50 images with 5 names each, and late by up to 40 s: presence is proof, absence is not. */
  readonly images: ReadonlySet<string>;
  /** By normalised reference with a tag: the digests under which the node has that image. Of what is not in the list nothing is known. */
  readonly digests: ReadonlyMap<string, ReadonlySet<string>>;
  /** Fewer than 50 images, none with 5 names: then what is not in the list is not on the node. */
  readonly isImageListComplete: boolean;
};

export type Taint = { readonly key: string; readonly value: string; readonly effect: string };

export const nodeId = (uid: string, machineId: string, systemUuid: string): string =>
  hash(12, uid, machineId, systemUuid);

/** Why a node gets no Job, in the order in which reasons are told. */
const skipReasons = [
  'BeingDeleted',
  'Virtual',
  'OtherOperatingSystem',
  'NotReady',
  'Unschedulable',
  'DiskPressure',
  'TaintNotTolerated',
] as const;
export type SkipReason = (typeof skipReasons)[number];

/** The first reason for which a node is left alone; undefined for a node that can be served. */
export function skipReason(node: Node, tolerations: readonly Toleration[] | undefined): SkipReason | undefined {
  const applies: Readonly<Record<SkipReason, boolean>> = {
    BeingDeleted: node.isBeingDeleted || node.taints.some((taint) => deletionTaints.has(taint.key)),
    Virtual: isVirtual(node),
    OtherOperatingSystem: node.operatingSystem !== 'linux',
    NotReady: !node.isReady,
    Unschedulable: node.isUnschedulable,
    DiskPressure: node.hasDiskPressure,
    TaintNotTolerated: tolerations !== undefined && !toleratesAll(tolerations, node.taints),
  };
  return skipReasons.find((reason) => applies[reason]);
}

/** Whether a node is of a kind that never gets a Job. */
export const isNeverSupported = (node: Node): boolean => isVirtual(node) || node.operatingSystem !== 'linux';

/** Whether a Job on this node has no chance to end: its Pod's kubelet is away. */
export const isUnreachable = (reason: SkipReason | undefined): boolean =>
  reason === 'NotReady' || reason === 'BeingDeleted';

/** A machine on which an autoscaler has set its mind. */
const deletionTaints: ReadonlySet<string> = new Set([
  'ToBeDeletedByClusterAutoscaler',
  'karpenter.sh/disrupted',
  'karpenter.sh/disruption',
]);

/** A node without a machine of its own has no image store to fill. */
function isVirtual(node: Node): boolean {
  return (
    node.labels['type'] === 'virtual-kubelet' ||
    node.labels['eks.amazonaws.com/compute-type'] === 'fargate' ||
    node.taints.some((taint) => taint.key === 'virtual-kubelet.io/provider')
  );
}

/** The scheduler's rule; taints that only state a preference do not count. */
function toleratesAll(tolerations: readonly Toleration[], taints: readonly Taint[]): boolean {
  return taints
    .filter((taint) => taint.effect !== 'PreferNoSchedule')
    .every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)));
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = '', operator = 'Equal', value = '', effect = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key === '') return operator === 'Exists';
  return key === taint.key && (operator === 'Exists' || value === taint.value);
}

/** Whether images can be mounted as volumes there: nothing of them is then started or copied. */
export function hasImageVolumes(node: Node): boolean {
  const [runtime = '', version = ''] = node.containerRuntime.split('://');
  const since = { containerd: '2.1', 'cri-o': '1.33' }[runtime];
  return isAtLeast(node.kubeletVersion, '1.35') && since !== undefined && isAtLeast(version, since);
}

function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = numbersOf(version);
  const [leastMajor = 0, leastMinor = 0] = numbersOf(least);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

const numbersOf = (version: string): readonly number[] => (version.match(/\d+/g) ?? []).map(Number);
