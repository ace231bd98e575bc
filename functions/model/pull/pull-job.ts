import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { type DesiredImages, pullPolicyOf } from '#model/desired/desired-images.ts';
import { type Node, pullRules } from '#model/node/node.ts';
import type { V1Job } from '@kubernetes/client-node';
import {
  apiVersion,
  imageCacheKind,
  jobAnnotations,
  labels,
  labelsOfKubeFledged,
  managerLabelValue,
} from '#model/cache/api.ts';
import {
  nodeAffinity,
  optionalField,
  podAnnotations,
  type Serialized,
  restrictedSecurityContext,
  containerName,
  helperContainer,
  mountsImages,
} from '#model/job/job-pod.ts';
import { imageDeadline, jobName } from './attempt.ts';
import { pullDeadline } from '#model/job/job-times.ts';
import { priorityClassOf } from '#model/desired/limits.ts';
import { serviceAccountOf } from '#model/desired/access.ts';
import type { PullPolicy } from '#model/cache/spec-schema.ts';

/** Everything that the manifest of a pull Job depends on. */
export type PullJobOrder = {
  readonly cache: ImageCache;
  readonly node: Node;
  readonly entry: LedgerEntry;
  readonly desired: DesiredImages;
  /** Indexes into `desired.images`. */
  readonly indexes: readonly number[];
  readonly settings: Settings;
  /** The user its containers run as: the first of the namespace's range on OpenShift, else 65532. */
  readonly runAsUser: number;
  /** Epoch milliseconds. */
  readonly now: number;
};

export type PullJob = Serialized<V1Job> & { readonly metadata: { readonly name: string; readonly namespace: string } };

/** The Job that pulls images to one node, with one container per image; no program of an image is run. */
export function pullJob(order: PullJobOrder, images = pullingPod(order)): PullJob {
  const { cache, node, entry, indexes, settings } = order;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cache, entry, indexes),
      namespace: cache.namespace,
      labels: { ...labelsOfKubeFledged(cache.name), ...ownLabels(order) },
      annotations: ownAnnotations(order),
      ownerReferences: [{ apiVersion, kind: imageCacheKind, name: cache.name, uid: cache.uid, controller: true }],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: backstopSeconds(order),
      template: {
        metadata: {
          labels: { ...labelsOfKubeFledged(cache.name), ...cache.spec.podMetadata.labels, ...ownLabels(order) },
          annotations: { ...cache.spec.podMetadata.annotations, ...podAnnotations, ...ownAnnotations(order) },
        },
        spec: {
          ...images,
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          dnsPolicy: 'Default',
          ...credentialsOf(order),
          automountServiceAccountToken: false,
          securityContext: {
            runAsUser: order.runAsUser,
            runAsNonRoot: true,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          affinity: { nodeAffinity: nodeAffinity(node.name) },
          tolerations: pullRules(cache, settings).tolerations ?? [{ operator: 'Exists' }],
          ...optionalField('priorityClassName', priorityClassOf(cache, settings)),
          enableServiceLinks: false,
        },
      },
    },
  };
}

/**
 * The credentials of the cache, or none to open images. An entry without a name keeps admission from adding the secrets
 * of the service account, and kubelets ignore it.
 */
function credentialsOf({
  cache,
  entry,
  settings,
}: PullJobOrder): Pick<PodSpec, 'serviceAccountName' | 'imagePullSecrets'> {
  if (entry.opening !== undefined) return { imagePullSecrets: [{}] };
  return {
    ...optionalField('serviceAccountName', serviceAccountOf(cache, settings)),
    imagePullSecrets: cache.spec.imagePullSecrets.map((name) => ({ name })),
  };
}

function ownLabels({ cache, entry }: PullJobOrder): Readonly<Record<string, string>> {
  return {
    [labels.app]: 'kubefledged',
    [labels.manager]: managerLabelValue,
    [labels.cacheUid]: cache.uid,
    [labels.node]: entry.id,
    'sidecar.istio.io/inject': 'false',
  };
}

function ownAnnotations(order: PullJobOrder): Readonly<Record<string, string>> {
  const { cache, node, entry, indexes, now } = order;
  const deadline = imageDeadline(order, now);
  return {
    [jobAnnotations.cache]: `${cache.namespace}/${cache.name}`,
    [jobAnnotations.round]: String(cache.status.round?.number ?? 0),
    [jobAnnotations.node]: node.name,
    [jobAnnotations.attempt]: String(entry.attempt),
    ...(entry.opening === undefined ? { [jobAnnotations.holds]: `${entry.desiredHash}/${indexes.join(',')}` } : {}),
    ...(Number.isFinite(deadline) ? { [jobAnnotations.deadline]: String(Math.ceil(deadline / 1000)) } : {}),
  };
}

/** A backstop well behind our own deadline: when a Job's deadline ends it, the Pod and its reasons are deleted. */
function backstopSeconds({ cache, indexes, settings }: PullJobOrder): number {
  const seconds = 3600 + 2 * Math.ceil((pullDeadline(cache, settings) * indexes.length) / 1000);
  return Math.min(seconds, longestSeconds);
}

/** 30 days, the longest that the admission policy allows. */
const longestSeconds = 2_592_000;

const program = '/noop';
/** Not that of the image, which may be missing or lead elsewhere. */
const workingDir = '/';
const sharedFolder = '/.imagecache';

/** The volumes and containers of a pull Pod: by far its largest part, and equal on all nodes with the same desired images. */
export function pullingPod(order: PullJobOrder): PullingPod {
  return mountsImages(order.entry, order.node) ? mountingPod(order) : copyingPod(order);
}

export type PullingPod = Pick<PodSpec, 'volumes' | 'initContainers' | 'containers'>;
export type PodSpec = NonNullable<NonNullable<Serialized<V1Job>['spec']>['template']['spec']>;

/** Each image is a volume mounted by a container of its own, so that each reports its own failure. */
function mountingPod(order: PullJobOrder): PullingPod {
  const { indexes, settings } = order;
  return {
    volumes: indexes.map((index) => {
      const reference = imageAt(order, index);
      return { name: containerName(index), image: { reference, pullPolicy: policyOf(reference, order) } };
    }),
    containers: indexes.map((index) => ({
      name: containerName(index),
      image: settings.noopImage,
      command: [program],
      volumeMounts: [{ name: containerName(index), mountPath: '/image', readOnly: true }],
      ...confined,
      imagePullPolicy: 'IfNotPresent',
    })),
  };
}

/** The static no-op program is copied into a shared volume and started in each image. */
function copyingPod(order: PullJobOrder): PullingPod {
  const { indexes, settings } = order;
  const shared = { name: helperContainer, mountPath: sharedFolder };
  return {
    volumes: [{ name: helperContainer, emptyDir: { sizeLimit: '1Mi' } }],
    initContainers: [
      {
        name: helperContainer,
        image: settings.noopImage,
        command: [program, 'copy', `${sharedFolder}${program}`],
        volumeMounts: [shared],
        ...confined,
        imagePullPolicy: 'IfNotPresent',
      },
    ],
    containers: indexes.map((index) => {
      const image = imageAt(order, index);
      return {
        name: containerName(index),
        image,
        command: [`${sharedFolder}${program}`],
        workingDir,
        volumeMounts: [{ ...shared, readOnly: true }],
        ...confined,
        imagePullPolicy: policyOf(image, order),
      };
    }),
  };
}

/** Opening an image that is present must not pull a newer one. */
const policyOf = (image: string, { cache, entry, settings }: PullJobOrder): PullPolicy =>
  entry.opening === undefined ? pullPolicyOf(image, cache, settings) : 'IfNotPresent';

/** Explicit and small for every container: the defaults of a LimitRange times 33 containers would not be schedulable. */
const confined = {
  resources: { limits: { cpu: '100m', memory: '32Mi' }, requests: { cpu: '1m', memory: '1Mi' } },
  securityContext: restrictedSecurityContext,
};

/** The index after the last image is that of the no-op. */
const imageAt = ({ desired, settings }: PullJobOrder, index: number): string =>
  desired.images[index] ?? settings.noopImage;
