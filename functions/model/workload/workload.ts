import * as z from 'zod/mini';
import { parseImageReference } from '#model/text/image-reference.ts';
import type { Toleration } from '#model/cache/spec-schema.ts';

/** A kind whose objects are Pods or create them. */
export type WorkloadKind = {
  readonly kind: string;
  /** The path of its API. */
  readonly api: string;
  readonly plural: string;
  readonly short: string;
  /** Where its objects have the Pod template. */
  readonly template: readonly string[];
};

const apps = { api: '/apis/apps/v1', template: ['spec', 'template'] } as const;
const batch = '/apis/batch/v1';

export const workloadKinds: readonly WorkloadKind[] = [
  { kind: 'Pod', api: '/api/v1', plural: 'pods', short: 'po', template: [] },
  { kind: 'Deployment', plural: 'deployments', short: 'deploy', ...apps },
  { kind: 'StatefulSet', plural: 'statefulsets', short: 'sts', ...apps },
  { kind: 'DaemonSet', plural: 'daemonsets', short: 'ds', ...apps },
  { kind: 'ReplicaSet', plural: 'replicasets', short: 'rs', ...apps },
  { kind: 'Job', api: batch, plural: 'jobs', short: 'job', template: ['spec', 'template'] },
  {
    kind: 'CronJob',
    api: batch,
    plural: 'cronjobs',
    short: 'cj',
    template: ['spec', 'jobTemplate', 'spec', 'template'],
  },
];

/** The kind by any of the names that kubectl accepts, such as `deploy`, `Deployment` and `deployments.apps`. */
export function workloadKind(name: string): WorkloadKind | undefined {
  const [word = ''] = name.toLowerCase().split('.');
  return workloadKinds.find(({ kind, plural, short }) => [kind.toLowerCase(), plural, short].includes(word));
}

const listOf = <T extends z.core.$ZodType>(item: T) =>
  z.pipe(
    z.nullish(z.array(item)),
    z.transform((items): readonly z.output<T>[] => items ?? []),
  );
const text = z.pipe(
  z.nullish(z.string()),
  z.transform((value) => value ?? ''),
);

const pullPolicy = z.nullish(z.enum(['Always', 'IfNotPresent', 'Never']));
const container = z.object({ name: text, image: z.string(), imagePullPolicy: pullPolicy });
const requirement = z.object({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
  values: listOf(z.string()),
});
const nodeSelector = z.object({
  nodeSelectorTerms: listOf(z.object({ matchExpressions: listOf(requirement), matchFields: listOf(requirement) })),
});
const toleration = z.object({
  key: z.exactOptional(z.string()),
  operator: z.exactOptional(z.string()),
  value: z.exactOptional(z.string()),
  effect: z.exactOptional(z.string()),
});

/** The fields of a PodSpec that decide which images it needs, where, and with whose credentials. */
export const podSpec = z.object({
  containers: z.array(container).check(z.minLength(1)),
  initContainers: listOf(container),
  ephemeralContainers: listOf(container),
  volumes: listOf(z.object({ name: text, image: z.nullish(z.object({ reference: text, pullPolicy })) })),
  imagePullSecrets: listOf(z.object({ name: text })),
  serviceAccountName: text,
  nodeName: text,
  nodeSelector: z.nullish(z.record(z.string(), z.string())),
  affinity: z.nullish(
    z.object({
      nodeAffinity: z.nullish(z.object({ requiredDuringSchedulingIgnoredDuringExecution: z.nullish(nodeSelector) })),
    }),
  ),
  tolerations: listOf(toleration),
  os: z.nullish(z.object({ name: z.string() })),
});
export type PodSpec = z.infer<typeof podSpec>;

/** A requirement of a node selector on a label or a field. */
export type Requirement = z.infer<typeof requirement>;
/** A term of a node selector: all its requirements must match. */
export type SelectorTerm = z.infer<typeof nodeSelector>['nodeSelectorTerms'][number];

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
type PodPullPolicy = 'Always' | 'IfNotPresent' | 'Never';

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

/** The default of the API server: Always if the tag is `latest`, also with a digest. */
const policyOf = (image: string, policy: PodPullPolicy | null | undefined): PodPullPolicy =>
  policy ?? (hasLatestTag(image) ? 'Always' : 'IfNotPresent');

export const hasLatestTag = (image: string): boolean => parseImageReference(image).tag === 'latest';

/** What limits the nodes of a Pod, as far as Pod and nodes show it. */
export type PodPlacement = {
  /** The node that the Pod is bound to; '' if the scheduler chooses. */
  readonly nodeName: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Terms of the required node affinity, one of which must match; undefined: no affinity. */
  readonly affinity: readonly SelectorTerm[] | undefined;
  readonly tolerations: readonly Toleration[];
  /** `spec.os.name`; '' if it is not set. */
  readonly operatingSystem: string;
};

function podPlacement(spec: PodSpec, kind: string): PodPlacement {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return {
    nodeName: spec.nodeName,
    nodeSelector: spec.nodeSelector ?? {},
    affinity: required?.nodeSelectorTerms,
    tolerations: kind === 'DaemonSet' ? [...spec.tolerations, ...daemonTolerations] : spec.tolerations,
    operatingSystem: spec.os?.name ?? '',
  };
}

/** The DaemonSet controller adds them, besides tolerations of nodes that are not ready, which start nothing. */
const daemonTolerations: readonly Toleration[] = [
  'disk-pressure',
  'memory-pressure',
  'pid-pressure',
  'unschedulable',
].map((name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect: 'NoSchedule' }));
