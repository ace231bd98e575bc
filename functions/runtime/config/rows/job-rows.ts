import { duration, oneOf, taintKeys, text, wholeNumber, yesOrNo } from '#runtime/config/setting.ts';
import { version } from '#runtime/version.ts';
import { both } from './row.ts';

const registry = 'ghcr.io/imagecache-functions';

/** What Jobs are like, and when they are made. kube-fledged's settings have its names, defaults and meaning. */
export const jobRows = {
  imagePullDeadline: both(
    'image-pull-deadline-duration',
    '5m',
    duration(1),
    'Time limit per image: for the Pod to start, then for each image it pulls, at least 330 s in all. spec.pullDeadlineSeconds overrides it',
  ),
  refreshFrequency: both(
    'image-cache-refresh-frequency',
    '15m',
    duration(0),
    'Time from the end of a round to the next refresh; 0s: no automatic refresh. A refresh pulls moving images (:latest, no tag, or policy Always) again where the registry has a new digest, and any image that a node has lost. spec.refresh overrides it with a period or a cron schedule',
  ),
  imagePullPolicy: both(
    'image-pull-policy',
    'IfNotPresent',
    oneOf(['IfNotPresent', 'Always']),
    'IfNotPresent pulls what a node lacks, and of moving images new digests; Always treats every tag as moving. spec.imagePullPolicy overrides it',
  ),
  serviceAccountName: both(
    'service-account-name',
    '',
    text,
    'Service account of pull and removal Pods; it must exist in the namespace of the cache and in that of removal Jobs. spec.serviceAccountName overrides it for pull Pods',
  ),
  imageDeleteJobHostNetwork: both(
    'image-delete-job-host-network',
    'false',
    yesOrNo,
    'Run removal Pods in the host network',
  ),
  jobPriorityClassName: both(
    'job-priority-class-name',
    '',
    text,
    'Priority class of pull and removal Pods. spec.priorityClassName overrides it',
  ),
  jobRetentionPolicy: both(
    'job-retention-policy',
    'Delete',
    oneOf(['Delete', 'Retain']),
    'Retain keeps finished Jobs until newer ones hold the same images on their node: their containers protect the images from the garbage collection of the kubelet',
  ),
  purge: both(
    'purge',
    'any',
    oneOf(['any', 'own']),
    'any: a removal deletes an image whoever pulled it; own: it spares an image that also has a name the cache did not list',
  ),
  criSocketPath: both(
    'cri-socket-path',
    '',
    text,
    "Path of the container runtime's socket on every node, for removal Jobs; empty: derived from the runtime that the node reports",
  ),
  warmGateTaints: both(
    'warm-gate-taints',
    '',
    taintKeys,
    'Keys of the startup taints that spec.warmGate may remove from nodes, separated by commas; empty: the warm gate is off',
  ),
  jobsMaxSurge: both(
    'jobs-max-surge',
    '0',
    wholeNumber(0),
    'Maximum number of nodes of one cache that pull at the same time; 0: no limit. spec.maxConcurrentNodes overrides it',
  ),
  imagesPerJob: both(
    'images-per-job',
    '32',
    wholeNumber(1, 32),
    'Maximum number of images of one pull Job, one container each',
  ),
  noopImage: both(
    'noop-image',
    `${registry}/imagecache-noop:${version}`,
    text,
    'Image that pull Jobs run; nodes must be able to pull it',
  ),
  removalImage: both(
    'removal-image',
    `${registry}/imagecache-functions:${version}`,
    text,
    'Image that removal Jobs run; nodes must be able to pull it',
  ),
} as const;
