import { refusedGeneration } from '#model/cache/conditions.ts';
import { isPurged, type ImageCache, type Spec } from '#model/cache/image-cache.ts';
import { ownLists } from '#model/cache/found-images.ts';
import type { Limits, Settings } from '#model/cache/settings.ts';
import { tenancyLimit } from '#model/cache/tenancy.ts';

/** Why a cache is refused: what it asks for beyond the operator's limits, with the setting; undefined if it is served. */
export function exceededLimit(cache: ImageCache, limits: Limits): string | undefined {
  const { spec } = cache;
  const { count, bytes } = sizeOf(spec);
  const { pullsPerNode, pullDeadlineSeconds = 0 } = spec;
  const measured: readonly (readonly [value: number, most: number, what: string, setting: string])[] = [
    [count, limits.images, `spec.cacheSpec lists ${count} images`, 'MAX_IMAGES'],
    [bytes, limits.imageBytes, `the references in spec.cacheSpec have ${bytes} bytes`, 'MAX_IMAGE_BYTES'],
    [pullsPerNode, limits.pullsPerNode, `spec.pullsPerNode is ${pullsPerNode}`, 'MAX_PULLS_PER_NODE'],
    [
      pullDeadlineSeconds,
      limits.pullDeadline / 1000,
      `spec.pullDeadlineSeconds is ${pullDeadlineSeconds}`,
      'MAX_PULL_DEADLINE',
    ],
  ];
  const above = measured.find(([value, most]) => most !== 0 && value > most);
  if (above !== undefined) return `${above[2]}, and ${above[3]} allows ${above[1]}`;
  return tenancyLimit(cache, limits) ?? priorityLimit(spec, limits) ?? metadataLimit(spec);
}

/** The same for a cache that would pull: a purge, which takes nothing, runs to its end, and what it removed stays away. */
export const refusedLimit = (cache: ImageCache, limits: Limits): string | undefined =>
  isPurged(cache) && cache.status.observedGeneration === cache.generation ? undefined : exceededLimit(cache, limits);

/** Whether the status already reports that the cache is refused, and it still is. */
export function isKnownRefused(cache: ImageCache, limits: Limits): boolean {
  return refusedGeneration(cache.status) === cache.generation && refusedLimit(cache, limits) !== undefined;
}

/** Sizes of specs that were computed before: a spec is checked once for each node. */
const sizes = new WeakMap<Spec, { readonly count: number; readonly bytes: number }>();

function sizeOf(spec: Spec): { readonly count: number; readonly bytes: number } {
  const known = sizes.get(spec);
  if (known !== undefined) return known;
  const images = ownLists(spec).flatMap((list) => list.images);
  const size = { count: images.length, bytes: images.reduce((sum, { length }) => sum + length, 0) };
  sizes.set(spec, size);
  return size;
}

/** The priority class of the Pods of a cache; that of the operator if its own is not allowed, as when it is deleted. */
export function priorityClassOf({ spec }: ImageCache, { limits, jobPriorityClassName }: Settings): string {
  return priorityLimit(spec, limits) === undefined
    ? (spec.priorityClassName ?? jobPriorityClassName)
    : jobPriorityClassName;
}

/** With a class of the system, a pull evicts what keeps a node alive. */
function priorityLimit({ priorityClassName = '' }: Spec, { priorityClasses }: Limits): string | undefined {
  if (priorityClassName === '' || priorityClasses.includes(priorityClassName)) return undefined;
  if (priorityClasses.length === 0 && !priorityClassName.startsWith('system-')) return undefined;
  return `spec.priorityClassName is ${priorityClassName}, which PRIORITY_CLASSES does not allow`;
}

/** The admission policy refuses Jobs with such keys. */
function metadataLimit({ podMetadata: { labels, annotations } }: Spec): string | undefined {
  const key = [...Object.keys(labels), ...Object.keys(annotations)].find((name) => isForeignKey(name));
  return key === undefined
    ? undefined
    : `spec.podMetadata has the key ${key.slice(0, 100)}, by which others change Pods`;
}

/**
 * Domains of labels and annotations by which webhooks inject containers and volumes into Pods, and by which networks and
 * container runtimes grant privileges. The chart's admission policy has the same list, which a test compares.
 */
export const foreignDomains: readonly string[] = [
  ...['istio.io', 'linkerd.io', 'hashicorp.com', 'banzaicloud.io', 'banzaicloud.com', 'dapr.io', 'kuma.io'],
  ...['openservicemesh.io', 'nginx.com', 'greymatter.io', 'opentelemetry.io', 'jaegertracing.io', 'datadoghq.com'],
  ...['dynatrace.com', 'newrelic.com', 'appdynamics.com', '1password.com', 'infisical.com', 'doppler.com'],
  ...['conjur.org', 'akeyless.io', 'spiffe.io', 'azure.workload.identity', 'amazonaws.com', 'gke-gcsfuse', 'gke.io'],
  ...['cncf.io', 'projectcalico.org', 'cilium.io', 'ovn.org', 'kubeovn.io', 'cri-o.io', 'crio.io', 'containerd.io'],
  ...['nri.io', 'katacontainers.io', 'gvisor.dev', 'cdi.k8s.io', 'security.beta.kubernetes.io'],
  ...['security.alpha.kubernetes.io', 'resources.beta.kubernetes.io', 'tumblr.com', 'knative.dev', 'openfaas.com'],
];

/** Container runtimes read keys without a domain that are spelled as one in reverse, such as io.kubernetes.cri-o.userns-mode. */
const foreignKeyPattern = '^[^/]*[.][^/]*$|^(?:[^/]*[.])?(?:' + foreignDomains.join('|').replaceAll('.', '[.]') + ')/';

const foreignKey = new RegExp(foreignKeyPattern);

/** Whether others act on a label or annotation with this key. */
const isForeignKey = (key: string): boolean => foreignKey.test(key);
