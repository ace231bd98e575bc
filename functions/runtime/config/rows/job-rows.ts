import type { Rollout } from '#model/cache/spec-fields.ts';
import { rolloutSetting } from '#model/cache/spec-schema.ts';
import { duration, json, oneOf, oneOfOrElse, type Reads, text, wholeNumber, yesOrNo } from '#runtime/config/setting.ts';
import { version } from '#runtime/version.ts';
import { both } from './row.ts';

const registry = 'ghcr.io/imagecache-functions';

/** Parses `spec.rollout` as JSON; undefined if empty. */
const waves: Reads<Rollout | undefined> = {
  parse: (value) => {
    if (value.trim() === '') return { value: undefined };
    const parsed = rolloutSetting.safeParse(json(value));
    return parsed.success ? { value: parsed.data } : undefined;
  },
  expects: 'JSON with fields of spec.rollout such as {"canaryNodes": 1, "growth": 2}, or nothing',
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
    fallback: '',
    doc: 'Service account of pull and removal Pods. It must exist in the namespace of the cache; removal Pods run as the default account where their own namespace has none of that name. spec.serviceAccountName overrides it for pull Pods',
  }),
  imageDeleteJobHostNetwork: both('image-delete-job-host-network', yesOrNo, {
    fallback: 'false',
    doc: 'Run removal Pods in the host network',
  }),
  jobPriorityClassName: both('job-priority-class-name', text, {
    fallback: '',
    doc: 'Priority class of pull and removal Pods. spec.priorityClassName overrides it',
  }),
  jobRetentionPolicy: both('job-retention-policy', oneOfOrElse(['Delete', 'Retain'], 'Delete'), {
    fallback: 'Delete',
    doc: 'Retain keeps finished Jobs, also those that failed, until newer ones hold the same images on their node: their containers protect the images from the garbage collection of the kubelet. Removal Jobs are kept until newer ones have ended on their node, for a week at most',
  }),
  purge: both('purge', oneOf(['any', 'own']), {
    fallback: 'any',
    doc: 'any: a removal deletes an image regardless of who pulled it; own: it spares an image that also has a name the cache did not list',
  }),
  criSocketPath: both('cri-socket-path', socketPath(), {
    fallback: '',
    doc: "Path of the container runtime's socket on every node, for removal Jobs; empty: derived from the runtime that the node reports",
  }),
  unschedulable: both('unschedulable', oneOf(['Pull', 'Skip']), {
    fallback: 'Pull',
    doc: 'Pull: cordoned nodes pull like others; Skip: they pull once they are uncordoned. spec.unschedulable overrides it',
  }),
  jobsMaxSurge: both('jobs-max-surge', wholeNumber(0), {
    fallback: '0',
    doc: 'Maximum number of nodes of one cache that pull at the same time; 0: no limit. spec.maxConcurrentNodes overrides it',
  }),
  rollout: both('rollout', waves, {
    fallback: '',
    doc: 'In which waves the nodes of a cache pull, as JSON of spec.rollout, such as {"canaryNodes": 1}; empty: all nodes at once. spec.rollout overrides it',
  }),
  imagesPerJob: both('images-per-job', wholeNumber(1, 32), {
    fallback: '32',
    doc: 'Maximum number of images of one pull Job, one container each',
  }),
  noopImage: both('noop-image', text, {
    fallback: `${registry}/imagecache-noop:${version}`,
    doc: 'Image that pull Jobs run; nodes must be able to pull it',
  }),
  removalImage: both('removal-image', text, {
    fallback: `${registry}/imagecache-functions:${version}`,
    doc: 'Image that removal Jobs run; nodes must be able to pull it',
  }),
} as const;

/** kube-fledged removes images through Docker itself, this product through CRI, which cri-dockerd serves for Docker. */
function socketPath(): Reads<string> {
  return {
    ...text,
    parse: (value) =>
      value.trim().endsWith('/docker.sock')
        ? { value: '', note: 'this is no CRI socket; that of cri-dockerd is used where nodes report Docker' }
        : text.parse(value),
  };
}
