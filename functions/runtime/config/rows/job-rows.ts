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
    'How long one image may take to be pulled',
  ),
  refreshFrequency: both(
    'image-cache-refresh-frequency',
    '15m',
    duration(0),
    'Period of the automatic refresh; 0s is off',
  ),
  imagePullPolicy: both(
    'image-pull-policy',
    'IfNotPresent',
    oneOf(['IfNotPresent', 'Always']),
    'IfNotPresent pulls what a node lacks; Always asks the registry each time',
  ),
  serviceAccountName: both('service-account-name', '', text, 'Service account of pull and removal Pods'),
  imageDeleteJobHostNetwork: both(
    'image-delete-job-host-network',
    'false',
    yesOrNo,
    'Run removal Pods in the host network',
  ),
  jobPriorityClassName: both('job-priority-class-name', '', text, 'Priority class of pull and removal Pods'),
  jobRetentionPolicy: both(
    'job-retention-policy',
    'Delete',
    oneOf(['Delete', 'Retain']),
    'Retain keeps finished Jobs, whose containers hold the images on the node, until newer ones do',
  ),
  purge: both(
    'purge',
    'any',
    oneOf(['any', 'own']),
    'any removes an image whoever pulled it; own leaves what has a name that the cache did not ask for',
  ),
  criSocketPath: both(
    'cri-socket-path',
    '',
    text,
    "Path of the container runtime's socket on every node; empty: by runtime",
  ),
  warmGateTaints: both(
    'warm-gate-taints',
    '',
    taintKeys,
    'Startup taints that spec.warmGate may take from nodes, by their keys, separated by commas; empty: off',
  ),
  jobsMaxSurge: both('jobs-max-surge', '0', wholeNumber(0), 'How many nodes of one cache pull at once; 0 is no limit'),
  imagesPerJob: both('images-per-job', '32', wholeNumber(1, 32), 'Most images of one pull Job, one container each'),
  noopImage: both('noop-image', `${registry}/imagecache-noop:${version}`, text, 'Image whose program pull Jobs run'),
  removalImage: both('removal-image', `${registry}/imagecache-functions:${version}`, text, 'Image of removal Jobs'),
} as const;
