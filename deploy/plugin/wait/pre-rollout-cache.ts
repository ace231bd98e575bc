import { apiVersion, imageCacheKind } from '#model/cache/api.ts';
import type { Node } from '#model/node/node.ts';
import { untoleratedTaint } from '#model/node/node.ts';
import { hash } from '#model/text/hash.ts';
import { parseImageReference } from '#model/text/image-reference.ts';
import { UsageError } from '../command.ts';
import type { PodPlacement, Requirement, SelectorTerm, ImageUse, Workload } from '#model/workload/workload.ts';

/** The label of caches that `wait --for-images` has made, and its value. */
export const managedBy = { label: 'app.kubernetes.io/managed-by', value: 'kubectl-imagecache' } as const;

/** With whose credentials the images are pulled. */
export type Credentials = { readonly serviceAccount: string; readonly pullSecrets: readonly string[] };

type Needs = {
  readonly credentials: Credentials;
  /** Images of the workload as it runs now, which stay in the cache if they are in it. */
  readonly kept: readonly string[];
  /** Undefined if they may not be listed. */
  readonly nodes: readonly Node[] | undefined;
};

/** The images of a workload's Pods, each once, as the Pods spell them. */
export const imagesOfPods = ({ images }: Workload): readonly string[] => [
  ...new Set(images.filter(({ type }) => type !== 'ephemeral container').map(({ image }) => image)),
];

/** Whether the kubelet asks the registry at every start, and the image may be another by then. */
export const isMoving = ({ image, pullPolicy }: ImageUse): boolean =>
  pullPolicy === 'Always' && parseImageReference(image).digest === '';

/** The name of the cache of a workload; the end of a name that is too long is replaced by a hash. */
export function cacheNameOf({ kind, name }: Pick<Workload, 'kind' | 'name'>): string {
  const full = `rollout-${kind.toLowerCase()}-${name.replace(/[-.]+$/, '')}`;
  return full.length <= 253 ? full : `${full.slice(0, 244).replace(/[-.]+$/, '')}-${hash(8, full)}`;
}

/** The cache that has the images of a workload where its Pods may be scheduled, for server-side apply. */
export function preRolloutCache(workload: Workload, { credentials, kept, nodes }: Needs): object {
  const { namespace, placement } = workload;
  const images = [...new Set([...imagesOfPods(workload), ...kept])];
  const lists = selectorsOf(placement, nodes).map((selector) => ({ images, ...selector }));
  if (lists.length === 0)
    throw new UsageError(`${workload.kind}/${workload.name}: its required node affinity matches no node`);
  return {
    apiVersion,
    kind: imageCacheKind,
    metadata: { namespace, name: cacheNameOf(workload), labels: { [managedBy.label]: managedBy.value } },
    spec: {
      cacheSpec: lists,
      imagePullSecrets: credentials.pullSecrets.map((name) => ({ name })),
      imagePullPolicy: workload.images.some(isMoving) ? 'Always' : 'IfNotPresent',
      unschedulable: isCordonTolerated(placement) ? 'Pull' : 'Skip',
      ...(placement.nodeName === '' ? { tolerations: placement.tolerations } : {}),
      serviceAccountName: credentials.serviceAccount,
      keepSeconds: 0,
      deletionPolicy: 'Retain',
    },
  };
}

type Selector = {
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly nodeMatchExpressions?: readonly Requirement[];
};

const hostname = 'kubernetes.io/hostname';

/** The selectors of lists, one of which matches each node that the Pods may be scheduled to: terms of an affinity are ORed. */
function selectorsOf(placement: PodPlacement, nodes: readonly Node[] | undefined): readonly Selector[] {
  const { nodeName, nodeSelector, affinity, operatingSystem } = placement;
  if (nodeName !== '') return [{ nodeMatchExpressions: byHostname({ operator: 'In', values: [nodeName] }, nodes) }];
  const own = operatingSystem === '' ? nodeSelector : { ...nodeSelector, 'kubernetes.io/os': operatingSystem };
  if (affinity === undefined) return [{ nodeSelector: own }];
  return affinity
    .filter(({ matchExpressions, matchFields }) => matchExpressions.length + matchFields.length > 0)
    .map((term) => ({ nodeSelector: own, nodeMatchExpressions: expressionsOf(term, nodes) }));
}

/** The only field that a term can match is the name of the node. */
const expressionsOf = (
  { matchExpressions, matchFields }: SelectorTerm,
  nodes: readonly Node[] | undefined,
): readonly Requirement[] => [...matchExpressions, ...matchFields.flatMap((field) => byHostname(field, nodes))];

/** Selects a node by its hostname label, as a cache selects by labels. Its value may differ from the Node's name. */
const byHostname = (
  { operator, values }: Pick<Requirement, 'operator' | 'values'>,
  nodes: readonly Node[] = [],
): readonly Requirement[] => {
  const labelOf = (name: string): string => nodes.find((node) => node.name === name)?.labels[hostname] ?? name;
  return [{ key: hostname, operator, values: values.map(labelOf) }];
};

const cordon = { key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' };
const isCordonTolerated = ({ nodeName, tolerations }: PodPlacement): boolean =>
  nodeName !== '' || untoleratedTaint(tolerations, [cordon]) === undefined;
