import * as z from 'zod/mini';
import { rolloutSetting } from '#model/cache/spec-schema.ts';
import { isImagePattern, type TenantImages } from '#model/cache/tenancy.ts';
import { registryName } from '#model/text/image-reference.ts';
import { revisions, type SourceKind } from '#model/workload/image-sources.ts';
import { workloadKinds } from '#model/workload/workload.ts';
import { version } from '#runtime/version.ts';
import {
  both,
  duration,
  entriesOf,
  envOnly,
  isHost,
  jsonOf,
  metadataKeys,
  namespaceNames,
  objectNames,
  oneOf,
  oneOfOrElse,
  taintKeys,
  text,
  textThat,
  type Parser,
  wholeNumber,
  yesOrNo,
} from './setting.ts';

const images = 'ghcr.io/imagecache-functions';

/** kube-fledged removes images through Docker itself, this product through CRI, which cri-dockerd serves for Docker. */
const socketPath: Parser<string> = {
  ...text,
  parse: (value) =>
    value.trim().endsWith('/docker.sock')
      ? { value: '', note: 'this is no CRI socket; that of cri-dockerd is used where nodes report Docker' }
      : text.parse(value),
};

const waves = jsonOf(
  z.optional(rolloutSetting),
  undefined,
  'JSON with fields of spec.rollout such as {"canaryNodes": 1, "growth": 2}, or nothing',
);

const budget = z.strictObject({ pullsPerHour: z.int().check(z.minimum(1)) });

/** Budgets by the name of the registry. */
const budgets = jsonOf(
  z.pipe(
    z.record(textThat(isHost), budget),
    z.transform((byHost) => Object.fromEntries(Object.entries(byHost).map(([host, one]) => [registryName(host), one]))),
  ),
  {},
  'a JSON object such as {"docker.io": {"pullsPerHour": 80}}',
);

const knownKinds: readonly SourceKind[] = [...workloadKinds, revisions];
/** `Rollout=argoproj.io/v1alpha1/rollouts:spec.template`. */
const ownKind =
  /^(?<kind>[A-Z][A-Za-z0-9]{0,62})=(?<group>[a-z0-9.-]+)\/(?<version>v[a-z0-9]+)\/(?<plural>[a-z0-9]+):(?<path>[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*)$/;

function sourceKind(text: string): SourceKind | undefined {
  const { kind = '', group, version, plural = '', path = '' } = ownKind.exec(text)?.groups ?? {};
  if (kind === '') return knownKinds.find((each) => each.kind === text);
  return { kind, api: `/apis/${group ?? ''}/${version ?? ''}`, plural, template: path.split('.') };
}

const sourceKinds: Parser<readonly SourceKind[]> = {
  parse: (value) => {
    const kinds = entriesOf(value).map(sourceKind);
    const valid = kinds.filter((kind) => kind !== undefined);
    return valid.length === kinds.length ? { value: valid } : undefined;
  },
  expects: `kinds separated by commas, each one of ${knownKinds.map(({ kind }) => kind).join(', ')}, or as in Rollout=argoproj.io/v1alpha1/rollouts:spec.template`,
};

const namespacesOrAll: Parser<readonly string[] | 'all'> = {
  parse: (value) => (value.trim() === '*' ? { value: 'all' } : namespaceNames.parse(value)),
  expects: 'names of namespaces such as apps, separated by commas, or * for all',
};

const imagesByNamespace = jsonOf<TenantImages | undefined>(
  z.record(
    textThat((name) => name === '*' || namespaceNames.parse(name)?.value.length === 1),
    z.array(textThat(isImagePattern)),
  ),
  undefined,
  'Trusted, or images by namespace as in {"team-a": ["registry.example.com/team-a/*"], "*": ["docker.io/library/nginx"]}',
);

const tenancy: Parser<TenantImages | undefined> = {
  ...imagesByNamespace,
  parse: (value) => (value.trim().toLowerCase() === 'trusted' ? { value: undefined } : imagesByNamespace.parse(value)),
};

/** Settings of Jobs. Those of kube-fledged keep its names, defaults and meaning. */
export const jobRows = {
  imagePullDeadline: both('image-pull-deadline-duration', duration(0), {
    fallback: '5m',
    doc: 'Time limit per image: for the Pod to start, then for each image it pulls, second attempts included; 0s: no limit. spec.pullDeadlineSeconds overrides it',
  }),
  refreshFrequency: both('image-cache-refresh-frequency', duration(0), {
    fallback: '15m',
    doc: 'Maximum time from the end of a round to the next refresh, which comes up to a tenth of it earlier, so that caches are spread; 0s: no automatic refresh. A refresh pulls moving images (:latest, no tag, or policy Always) again where the registry has a new digest, and any image that a node has lost. spec.refresh overrides it with a period or a cron schedule',
  }),
  imagePullPolicy: both('image-pull-policy', oneOfOrElse(['IfNotPresent', 'Always'], 'IfNotPresent'), {
    fallback: 'IfNotPresent',
    doc: 'IfNotPresent pulls what a node lacks, and of moving images new digests; Always treats every tag as moving. spec.imagePullPolicy overrides it',
  }),
  serviceAccountName: both('service-account-name', text, {
    doc: 'Service account of pull and removal Pods. It must exist in the namespace of the cache; removal Pods run as the default account where their own namespace has none of that name. spec.serviceAccountName overrides it for pull Pods',
  }),
  imageDeleteJobHostNetwork: both('image-delete-job-host-network', yesOrNo, {
    fallback: 'false',
    doc: 'Run removal Pods in the host network',
  }),
  jobPriorityClassName: both('job-priority-class-name', text, {
    doc: 'Priority class of pull and removal Pods. spec.priorityClassName overrides it',
  }),
  jobRetentionPolicy: both('job-retention-policy', oneOfOrElse(['Delete', 'Retain'], 'Delete'), {
    fallback: 'Delete',
    doc: 'Retain keeps finished Jobs, also those that failed, until newer ones hold the same images on their node: their containers protect the images from the garbage collection of the kubelet. Removal Jobs are kept until newer ones have ended on their node, for a week at most',
  }),
  criSocketPath: both('cri-socket-path', socketPath, {
    doc: "Path of the container runtime's socket on every node, for removal Jobs; empty: derived from the runtime that the node reports",
  }),
  unschedulable: both('unschedulable', oneOf(['Pull', 'Skip']), {
    fallback: 'Pull',
    doc: 'Pull: cordoned nodes pull like others; Skip: they pull once they are uncordoned. spec.unschedulable overrides it',
  }),
  jobsMaxSurge: both('jobs-max-surge', wholeNumber(0), {
    fallback: '0',
    doc: 'Maximum number of pull Pods that run at the same time over all caches, and of nodes from which images of one cache are removed: further nodes wait with reason SurgeUsed; 0: no limit. spec.maxConcurrentNodes limits the nodes of one cache besides',
  }),
  rollout: both('rollout', waves, {
    doc: 'In which waves the nodes of a cache pull, as JSON of spec.rollout, such as {"canaryNodes": 1}; empty: all nodes at once. spec.rollout overrides it',
  }),
  imagesPerJob: both('images-per-job', wholeNumber(1, 32), {
    fallback: '32',
    doc: 'Maximum number of images of one pull Job, one container each',
  }),
  noopImage: both('noop-image', text, {
    fallback: `${images}/imagecache-noop:${version}`,
    doc: 'Image that pull Jobs run; nodes must be able to pull it',
  }),
  removalImage: both('removal-image', text, {
    fallback: `${images}/imagecache-functions:${version}`,
    doc: 'Image that removal Jobs run; nodes must be able to pull it',
  }),
};

/** Limits of what one ImageCache may ask for. A cache that exceeds one is refused, and its status says so. */
export const limitRows = {
  images: both('max-images', wholeNumber(0), {
    fallback: '1000',
    doc: 'Maximum number of images in one cache, over all its lists; 0: no limit but that of the CRD, 1,000 in each list',
  }),
  imageBytes: both('max-image-bytes', wholeNumber(0), {
    fallback: '131072',
    doc: 'Maximum length in bytes of all image references in one cache together, which bounds the size of its status; 0: no limit',
  }),
  podsPerNode: both('max-pods-per-node', wholeNumber(0), {
    fallback: '16',
    doc: 'Maximum number of pull Pods on one node at once, over all caches of all namespaces: the node waits for further ones with reason NodeBusy; 0: no limit',
  }),
  namespacePodsPerNode: both('max-namespace-pods-per-node', wholeNumber(0), {
    fallback: '13',
    doc: 'How many of these may be of one namespace, at most all but one; fewer while others pull there: an equal share; 0: as many as --max-pods-per-node',
  }),
  pullDeadline: both('max-pull-deadline', duration(0), {
    fallback: '2h',
    doc: 'Maximum of spec.pullDeadlineSeconds; 0s: no limit',
  }),
  tenantImages: both('tenancy', tenancy, {
    fallback: 'Trusted',
    doc: 'Who writes caches. Trusted: one team, which may have any image. Isolated: tenants who do not trust each other, as a JSON object of the images that caches in each namespace may have, and with * those in all: {"team-a": ["registry.example.com/team-a/*"], "*": ["docker.io/library/nginx"]}. A cache with another image is refused, images of workloads are left out, and none else is asked for or removed. Needs the admission policy of tenancy.mode in the chart',
  }),
  priorityClasses: both('priority-classes', objectNames, {
    doc: 'Priority classes that spec.priorityClassName may name besides that of --job-priority-class-name, separated by commas; empty: no others. A cache with another is refused',
  }),
  podMetadataKeys: both('pod-metadata-keys', metadataKeys, {
    doc: 'Keys that labels and annotations of spec.podMetadata may have, separated by commas; example.com/* stands for all keys of that domain; empty: none. A cache with another is refused',
  }),
  warmGateTimeout: both('warm-gate-max-timeout', duration(0), {
    fallback: '15m',
    doc: 'Maximum of spec.warmGate.timeoutSeconds: a cache that asks for more holds a node no longer than this; 0s: no limit',
  }),
};

/** Settings of the warm gate. */
export const warmGateRows = {
  warmGateTaints: both('warm-gate-taints', taintKeys, {
    doc: 'Keys of the startup taints that spec.warmGate may remove from nodes, separated by commas; empty: the warm gate is off',
  }),
  warmGateNamespaces: both('warm-gate-namespaces', namespaceNames, {
    doc: 'Namespaces whose caches may hold nodes by spec.warmGate, separated by commas; empty: none, so that nodes with such a taint are released once they are Ready',
  }),
};

/** Settings of `spec.cacheSpec[].imagesFrom`. */
export const workloadRows = {
  workloadKinds: both('workload-kinds', sourceKinds, {
    doc: 'Kinds of workloads that spec.cacheSpec[].imagesFrom may read, separated by commas, such as Deployment,CronJob; Revision stands for the Images of Knative. Another kind is written with its group, version, plural and the path of its Pod template, as in Rollout=argoproj.io/v1alpha1/rollouts:spec.template. Each needs the right to list and watch it; empty: imagesFrom is off',
  }),
  workloadRoundInterval: both('workload-round-interval', duration(1), {
    fallback: '30s',
    doc: 'Minimum time between the rounds that changed workloads open for one cache, which bounds what a storm of rollouts costs',
  }),
  knativeImages: both('knative-images', namespacesOrAll, {
    doc: 'Namespaces in which the Images of Knative Serving are pulled and get a condition Ready, separated by commas, or * for all: an ImageCache knative-images is made in each that has Images. Needs the rights of deploy/kubectl/knative-images.yaml; empty: off',
  }),
};

/** The settings of registries that decisions need. */
export const budgetRows = {
  registryBudgets: both('registry-budgets', budgets, {
    doc: 'How many manifests nodes may get from a registry within an hour, over all caches, as JSON by the name of the registry: {"docker.io": {"pullsPerHour": 80}}; nodes beyond that wait with reason RegistryRests. Empty: no limit',
  }),
};

/** Where this installation is. */
export const installationRows = {
  namespace: envOnly('KUBEFLEDGED_NAMESPACE', text, {
    doc: "Namespace of removal Jobs and of the Lease; empty: the process's own namespace",
  }),
};
