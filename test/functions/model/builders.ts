import {
  type Condition,
  type ImageCache,
  type ImageList,
  type Spec,
  type Status,
  emptyStatus,
} from '#model/cache/image-cache.ts';
import { nothingFound } from '#model/cache/found-images.ts';
import { usualImages } from '#model/cache/image-states.ts';
import { newEntry, type LedgerEntry } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import { type Observed, noObservedRemovals } from '#model/observed.ts';
import type { ContainerStatus, Pod, Job } from '#model/job/job.ts';
import { jobName } from '#model/pull/attempt.ts';
import type { Round } from '#model/cache/round.ts';
import type { Limits, Settings } from '#model/cache/settings.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';

/** Values of the model with defaults for the fields that a test does not set. */

/** 24 November 2026, noon, in epoch milliseconds. */
export const noon = Date.UTC(2026, 10, 24, 12);

export const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

/** No limits, but no priority class and no labels and annotations of a spec. */
export const unlimited: Limits = {
  images: 0,
  imageBytes: 0,
  podsPerNode: 0,
  namespacePodsPerNode: 0,
  pullDeadline: 0,
  priorityClasses: [],
  tenantImages: undefined,
  podMetadataKeys: [],
  warmGateTimeout: 0,
};

export const settings = (of: Partial<Settings> = {}): Settings => ({
  imagePullDeadline: 300_000,
  refreshFrequency: 900_000,
  imagePullPolicy: 'IfNotPresent',
  serviceAccountName: '',
  jobPriorityClassName: '',
  jobRetentionPolicy: 'Delete',
  unschedulable: 'Pull',
  jobsMaxSurge: 0,
  rollout: undefined,
  registryBudgets: {},
  imagesPerJob: 32,
  noopImage: 'registry.example.com/noop:1',
  removalImage: 'registry.example.com/removal:1',
  imageDeleteJobHostNetwork: false,
  criSocketPath: '',
  warmGateTaints: [],
  warmGateNamespaces: ['apps'],
  limits: unlimited,
  workloadKinds: [],
  workloadRoundInterval: 30_000,
  knativeImages: [],
  namespace: 'kube-fledged',
  ...of,
});

export const list = (images: readonly string[], of: Partial<ImageList> = {}): ImageList => ({
  images,
  nodeSelector: {},
  nodeMatchExpressions: [],
  ...of,
});

export const spec = (of: Partial<Spec> = {}): Spec => ({
  lists: [list(['app:1', 'base:2'])],
  imagePullSecrets: [],
  foundPullSecrets: [],
  suspend: false,
  imagePullPolicy: undefined,
  pullDeadlineSeconds: undefined,
  refreshSeconds: undefined,
  refreshSchedule: undefined,
  maxConcurrentNodes: undefined,
  rollout: undefined,
  pullsPerNode: 1,
  tolerations: undefined,
  unschedulable: undefined,
  podMetadata: { labels: {}, annotations: {} },
  priorityClassName: undefined,
  serviceAccountName: undefined,
  jobRetentionPolicy: undefined,
  warmGate: undefined,
  keepSeconds: 0,
  deletionPolicy: 'Retain',
  ...of,
});

export const status = (of: Partial<Status> = {}): Status => ({ ...emptyStatus, ...of });

export const round = (of: Partial<Round> = {}): Round => ({
  number: 1,
  operation: 'Create',
  generation: 1,
  trigger: 'Spec',
  startTime: noon,
  requestedBy: undefined,
  ...of,
});

export const cache = (of: Partial<ImageCache> = {}): ImageCache => ({
  namespace: 'apps',
  name: 'web',
  uid: '8b1e4f4e-0c55-4f0e-9a53-1f6a0d6a7c11',
  resourceVersion: '41',
  generation: 1,
  isBeingDeleted: false,
  finalizers: [],
  statusWrittenAt: undefined,
  isStatusPruned: false,
  annotatedAt: {},
  discardedFormat: undefined,
  annotations: {},
  found: nothingFound,
  spec: spec(),
  status: status(),
  ...of,
});

/** A cache during its first round, with these ledger entries. */
export const openCache = (nodes: Status['nodes'], of: Partial<ImageCache> = {}): ImageCache => {
  const begun = cache(of);
  const { hash, lists } = desiredImagesOf(begun, [...begun.spec.lists.keys()], settings());
  return {
    ...begun,
    status: status({
      status: 'Processing',
      reason: 'ImageCacheCreate',
      observedGeneration: begun.generation,
      round: round(),
      desired: { [hash]: lists },
      nodes,
    }),
  };
};

export const node = (of: Partial<Node> = {}): Node => ({
  name: 'node-1',
  uid: 'uid-of-node-1',
  createdAt: noon,
  id: 'a1a1a1a1',
  labels: {},
  taints: [],
  isReady: true,
  reportedAt: 0,
  isUnschedulable: false,
  hasDiskPressure: false,
  isBeingDeleted: false,
  operatingSystem: 'linux',
  kubeletVersion: 'v1.34.2',
  containerRuntime: 'containerd://1.7.24',
  images: new Set(),
  digests: new Map(),
  isImageListComplete: true,
  ...of,
});

/** A node whose kubelet and runtime support image volumes. */
export const modernNode = (of: Partial<Node> = {}): Node =>
  node({ kubeletVersion: 'v1.36.3', containerRuntime: 'containerd://2.2.9', ...of });

/** The entry of a node in its first attempt at all images in the spec of `of`. */
export const pulling = (of: Partial<LedgerEntry> = {}, on: ImageCache = cache()): LedgerEntry => ({
  ...newEntry(node().id, desiredImagesOf(on, [...on.spec.lists.keys()], settings()).hash),
  state: 'Pulling',
  attempt: 1,
  images: usualImages(of.state ?? 'Pulling'),
  ...of,
});

export const job = (of: Partial<Job> = {}): Job => ({
  name: 'web-1',
  namespace: 'apps',
  uid: 'job-uid',
  cacheUid: cache().uid,
  nodeId: node().id,
  round: 1,
  attempt: 1,
  holds: { desiredHash: '', indexes: [] },
  isBeingDeleted: false,
  isRemoval: false,
  removes: [],
  createdAt: noon,
  outcome: 'None',
  endedAt: undefined,
  hasPods: false,
  podRefused: '',
  ...of,
});

export const pod = (of: Partial<Pod> = {}): Pod => ({
  name: 'web-1-abcde',
  namespace: 'apps',
  uid: 'pod-uid',
  jobName: 'web-1',
  jobUid: 'job-uid',
  cacheUid: cache().uid,
  nodeId: node().id,
  round: 1,
  attempt: 1,
  holds: { desiredHash: '', indexes: [] },
  phase: 'Pending',
  reason: '',
  message: '',
  isBeingDeleted: false,
  isDisrupted: false,
  imageAccess: 'copying',
  hasPullSecrets: false,
  unschedulable: '',
  createdAt: noon,
  startedAt: noon,
  helper: undefined,
  containers: [],
  ...of,
});

export const container = (index: number, of: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: `image-${index}`,
  reference: '',
  imageId: '',
  state: 'waiting',
  reason: 'PodInitializing',
  message: '',
  exitCode: 0,
  ...of,
});

export const waiting = (index: number, reason: string, message = ''): ContainerStatus =>
  container(index, { reason, message });

/** A container whose image is present and whose no-op has run. */
export const completed = (index: number): ContainerStatus =>
  container(index, { state: 'terminated', reason: 'Completed', imageId: `registry.example.com/app@${digest}` });

export const observed = (of: Partial<Observed> & { readonly nodeList?: readonly Node[] } = {}): Observed => {
  const { nodeList = [node()], ...rest } = of;
  return {
    nodes: new Map(nodeList.map((each) => [each.name, each])),
    hasAllNodes: true,
    jobs: new Map(),
    hasAllJobs: true,
    goneJobs: new Set(),
    removals: noObservedRemovals,
    runAsUser: 65_532,
    ...rest,
  };
};

export const world = (of: Partial<World> = {}): World => ({
  before: cache(),
  observed: observed(),
  settings: settings(),
  otherPulls: new Map(),
  otherRegistryUse: new Map(),
  resolutions: new Map(),
  anonymousPulls: new Map(),
  now: noon,
  opens: ['Spec', 'Adopted'],
  makes: 'pulls',
  scheduled: undefined,
  ...of,
});

export const condition = (of: Partial<Condition> = {}): Condition => ({
  type: 'Ready',
  status: 'True',
  reason: 'AllImagesPresent',
  message: '',
  observedGeneration: 1,
  lastTransitionTime: noon,
  ...of,
});

/** The Job of an entry for all or these images, with its name. */
export const nameOf = (on: ImageCache, entry: LedgerEntry, indexes: readonly number[] = [0, 1]): string =>
  jobName(on, entry, indexes);
