import * as z from 'zod/mini';
import { parseImageReference } from '#model/text/image-reference.ts';
import { podPlacement, type PodPlacement } from './pod-placement.ts';
import { podSpec, type PodSpec } from './pod-spec.ts';
import type { WorkloadKind } from './workload-kinds.ts';

/** The Pods of one object, as they are created from it. */
export type Workload = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** The Secrets that the Pod names itself. */
  readonly pullSecrets: readonly string[];
  readonly images: readonly ImageUse[];
  readonly placement: PodPlacement;
};

/** An image that a Pod needs. */
export type ImageUse = {
  /** Name of the container or volume. */
  readonly name: string;
  readonly type: 'container' | 'init container' | 'ephemeral container' | 'volume';
  /** As the Pod spells it. */
  readonly image: string;
  readonly pullPolicy: PodPullPolicy;
};
export type PodPullPolicy = 'Always' | 'IfNotPresent' | 'Never';

const named = z.object({
  metadata: z.object({
    name: z.optional(z.string()),
    generateName: z.optional(z.string()),
    namespace: z.optional(z.string()),
  }),
});
const template = z.object({ spec: podSpec });

/** The Pods of an object of this kind; `namespace` is that of objects without one. Throws a ZodError that names the field. */
export function parseWorkload(object: unknown, kind: WorkloadKind, namespace: string): Workload {
  const { metadata } = named.parse(object);
  const { spec } = template.parse(kind.template.reduce(fieldOf, object));
  return {
    kind: kind.kind,
    namespace: metadata.namespace ?? namespace,
    name: metadata.name ?? metadata.generateName ?? '',
    serviceAccount: spec.serviceAccountName === '' ? 'default' : spec.serviceAccountName,
    pullSecrets: spec.imagePullSecrets.map(({ name }) => name).filter((name) => name !== ''),
    images: imagesIn(spec),
    placement: podPlacement(spec, kind.kind),
  };
}

const fieldOf = (object: unknown, field: string): unknown =>
  typeof object === 'object' && object !== null
    ? Object.entries(object).find(([key]) => key === field)?.[1]
    : undefined;

/** Image volumes are mounted before the first container starts. */
function imagesIn({ volumes, initContainers, containers, ephemeralContainers }: PodSpec): readonly ImageUse[] {
  const ofContainers = (list: PodSpec['initContainers'], type: ImageUse['type']): readonly ImageUse[] =>
    list.map(({ name, image, imagePullPolicy }) => ({
      name,
      type,
      image,
      pullPolicy: policyOf(image, imagePullPolicy),
    }));
  return [
    ...volumes.flatMap(({ name, image }): readonly ImageUse[] =>
      image === null || image === undefined || image.reference === ''
        ? []
        : [{ name, type: 'volume', image: image.reference, pullPolicy: policyOf(image.reference, image.pullPolicy) }],
    ),
    ...ofContainers(initContainers, 'init container'),
    ...ofContainers(containers, 'container'),
    ...ofContainers(ephemeralContainers, 'ephemeral container'),
  ];
}

/** The default of the API server: Always if the tag is `latest`, also beside a digest. */
const policyOf = (image: string, given: PodPullPolicy | null | undefined): PodPullPolicy =>
  given ?? (hasLatestTag(image) ? 'Always' : 'IfNotPresent');

export const hasLatestTag = (image: string): boolean => parseImageReference(image).tag === 'latest';
