import * as z from 'zod/mini';
import type { FoundPlacement } from '#model/cache/found-images.ts';
import { isConditionTaint } from '#model/node/node.ts';
import { type PodPlacement, type ImageUse, parseWorkload, type Workload, type WorkloadKind } from './workload.ts';

/** A kind whose objects name images: workloads with a Pod template, or Knative's Images, one of each container of a Revision. */
export type SourceKind = Omit<WorkloadKind, 'short' | 'template'> & {
  /** Where its objects have the Pod template; undefined: they are Images. */
  readonly template: readonly string[] | undefined;
};

export const revisions: SourceKind = {
  kind: 'Revision',
  api: '/apis/caching.internal.knative.dev/v1alpha1',
  plural: 'images',
  template: undefined,
};

/** Revisions themselves: unlike Images, they have the node selector and the tolerations of their Pods. */
export const revisionTemplates: SourceKind = {
  kind: 'Revision',
  api: '/apis/serving.knative.dev/v1',
  plural: 'revisions',
  template: [],
};

/** What Pods of one workload need, and where they may run. */
export type ImageSource = {
  /** `Deployment/web`. */
  readonly workload: string;
  /** As the Pods spell them, each once. */
  readonly images: readonly string[];
  /** The Secrets that it names itself: if empty, those of its service account apply. */
  readonly pullSecrets: readonly string[];
  readonly serviceAccount: string;
  /** undefined: its required node affinity matches no node. */
  readonly placement: FoundPlacement | undefined;
};

/** Throws a ZodError for an object that is not of this kind. */
export function parseImageSource(object: unknown, kind: SourceKind): ImageSource {
  const { template } = kind;
  return template === undefined
    ? ofImage(object)
    : ofWorkload(parseWorkload(object, { ...kind, short: '', template }, ''));
}

/** Without the images that kubelets may never pull, and those of debug containers, which no Pod will need again. */
function ofWorkload({ kind, name, images, pullSecrets, serviceAccount, placement }: Workload): ImageSource {
  const { nodeSelector, tolerations } = placement;
  const terms = termsOf(placement);
  return {
    workload: `${kind}/${name}`,
    images: [...new Set(images.filter(isNeeded).map(({ image }) => image))],
    pullSecrets,
    serviceAccount,
    placement: terms && {
      nodeSelector,
      terms,
      // Those that admission adds to Pods are not in their templates, and make no difference here.
      tolerations: tolerations.filter(({ key = '' }) => !isConditionTaint(key)),
    },
  };
}

const isNeeded = ({ type, pullPolicy }: ImageUse): boolean => pullPolicy !== 'Never' && type !== 'ephemeral container';

/**
 * The terms of the required node affinity, each once; none if all nodes match. As for the scheduler, a term without requirements
 * matches no node; undefined if no other is left. Fields are ignored, so that a term of fields alone stands for all nodes.
 */
function termsOf({ affinity }: PodPlacement): FoundPlacement['terms'] | undefined {
  if (affinity === undefined) return [];
  const matching = affinity.filter(
    ({ matchExpressions, matchFields }) => matchExpressions.length + matchFields.length > 0,
  );
  if (matching.length === 0) return undefined;
  const terms = new Map(matching.map(({ matchExpressions }) => [JSON.stringify(matchExpressions), matchExpressions]));
  return terms.has('[]') ? [] : [...terms.values()];
}

const image = z.object({
  metadata: z.object({
    name: z.string(),
    ownerReferences: z._default(z.array(z.object({ kind: z.string(), name: z.string() })), []),
  }),
  spec: z.object({
    image: z.string(),
    serviceAccountName: z._default(z.string(), ''),
    imagePullSecrets: z._default(z.array(z.object({ name: z._default(z.string(), '') })), []),
  }),
});

function ofImage(object: unknown): ImageSource {
  const { metadata, spec } = image.parse(object);
  const revision = metadata.ownerReferences.find(({ kind }) => kind === 'Revision');
  return {
    workload: revision === undefined ? `Image/${metadata.name}` : `Revision/${revision.name}`,
    images: [spec.image],
    pullSecrets: spec.imagePullSecrets.map(({ name }) => name).filter((name) => name !== ''),
    serviceAccount: spec.serviceAccountName === '' ? 'default' : spec.serviceAccountName,
    placement: anywhere,
  };
}

/** Every node that the list selects: of an Image without a Revision that can be read, nothing else is known. */
const anywhere: FoundPlacement = { nodeSelector: {}, terms: [], tolerations: [{ operator: 'Exists' }] };

/** Images with the nodes of their Revisions, as far as these are known. */
export function onNodesOf(images: readonly ImageSource[], known: readonly ImageSource[]): readonly ImageSource[] {
  const placements = new Map(known.map(({ workload, placement }) => [workload, placement]));
  return images.map((image) =>
    placements.has(image.workload) ? { ...image, placement: placements.get(image.workload) } : image,
  );
}
