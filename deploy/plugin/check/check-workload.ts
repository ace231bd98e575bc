import type { Node } from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { byName } from '../by-name.ts';
import { repositoryOf } from './cache-record.ts';
import { checkImage, type Evidence, type ImageCheck, type Verdict } from './check-image.ts';
import { exclusion } from './placement.ts';
import type { PullSecrets } from './pull-secrets.ts';
import type { ImageUse, Workload } from '#model/workload/workload.ts';

/** Whether the Pods of one object would start with the registry switched off. */
export type WorkloadCheck = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly verdict: Verdict;
  /** Why no node is checked; '' otherwise. */
  readonly message: string;
  readonly serviceAccount: string;
  /** Undefined if they are not known. */
  readonly pullSecrets: readonly string[] | undefined;
  readonly images: readonly (ImageUse & {
    /** Other spellings of the same image in caches. */
    readonly cachedAs: readonly string[];
  })[];
  /** The nodes that the Pods may be scheduled to, those that fail first. */
  readonly nodes: readonly NodeCheck[];
  /** The other nodes, and what keeps the Pods away. */
  readonly excludedNodes: readonly { readonly name: string; readonly reason: string }[];
};

export type NodeCheck = { readonly name: string; readonly verdict: Verdict; readonly images: readonly ImageCheck[] };

/** `nodes`: all nodes, or the one that was asked for. */
export type Circumstances = Evidence & { readonly nodes: readonly Node[]; readonly pullSecrets: PullSecrets };

/** A Pod may be scheduled to any of its nodes, so it starts if it starts on each of them. */
export function checkWorkload(workload: Workload, { nodes, pullSecrets, ...evidence }: Circumstances): WorkloadCheck {
  const { kind, namespace, name, serviceAccount, placement } = workload;
  const pod = { namespace, serviceAccount, pullSecrets };
  const sorted = nodes.map((node) => ({ node, name: node.name, reason: exclusion(placement, node) })).toSorted(byName);
  const checked = sorted
    .filter(({ reason }) => reason === undefined)
    .map(({ node }): NodeCheck => {
      const images = workload.images.map((use) => checkImage(use, { node, pod }, evidence));
      const counted = images.filter((_, index) => workload.images[index]?.type !== 'ephemeral container');
      return { name: node.name, verdict: worst(counted), images };
    });
  return {
    ...{ kind, namespace, name },
    verdict: checked.length === 0 ? 'fails' : worst(checked),
    message: checked.length === 0 ? noNode(sorted) : '',
    serviceAccount,
    pullSecrets: pullSecrets.isKnown ? pullSecrets.names : undefined,
    images: workload.images.map((use) => ({ ...use, cachedAs: otherSpellings(use.image, evidence) })),
    nodes: checked.toSorted((a, b) => rank(a.verdict) - rank(b.verdict)),
    excludedNodes: sorted.flatMap(({ name: node, reason }) => (reason === undefined ? [] : [{ name: node, reason }])),
  };
}

const order: readonly Verdict[] = ['fails', 'unproven', 'starts'];
const rank = (verdict: Verdict): number => order.indexOf(verdict);

/** The verdict on all of them: the worst. */
export const worst = (all: readonly { readonly verdict: Verdict }[]): Verdict =>
  order.find((verdict) => all.some((each) => each.verdict === verdict)) ?? 'starts';

function noNode(nodes: readonly { readonly name: string; readonly reason: string | undefined }[]): string {
  const [first] = nodes;
  if (first === undefined) return 'the cluster has no nodes';
  if (nodes.length === 1) return `not scheduled to ${first.name}: ${first.reason ?? ''}`;
  return `no node that the Pods can be scheduled to; ${first.name}: ${first.reason ?? ''}`;
}

function otherSpellings(image: string, { records }: Evidence): readonly string[] {
  const reference = normalisedReference(image);
  const same = records.flatMap(({ imagesByRepository }) =>
    (imagesByRepository.get(repositoryOf(image)) ?? []).filter((cached) => cached.reference === reference),
  );
  const spellings = new Set(same.map((cached) => cached.image));
  return spellings.has(image) ? [] : [...spellings].toSorted();
}
