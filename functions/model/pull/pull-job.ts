import type { V1Job } from '@kubernetes/client-node';
import { apiVersion, imageCacheKind, jobAnnotations, labels, managerLabelValue } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { nodeAffinity, optionalField, podAnnotations, restrictedSecurityContext } from '#model/job/job-pod.ts';
import { jobName } from './job-set.ts';
import type { Node } from '#model/node/node.ts';
import { containerName, helperContainer, mountsImages } from '#model/job/pull-container.ts';
import { startedDeadline } from '#model/job/deadline.ts';
import type { Settings } from '#model/cache/settings.ts';
import { podTolerations } from '#model/node/tolerations.ts';
import type { Serialized } from '#model/text/serialized.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { pullPolicyOf } from '#model/desired/pull-policy.ts';

const program = '/noop';
const sharedFolder = '/.imagecache';

/** All that a Job manifest depends on. */
export type PullJobOrder = {
  readonly cache: ImageCache;
  readonly node: Node;
  readonly entry: LedgerEntry;
  readonly wanted: DesiredImages;
  /** Indexes into `wanted.images`. */
  readonly indexes: readonly number[];
  readonly settings: Settings;
  /** The user its containers run as: the first of the namespace's range on OpenShift, else 65532. */
  readonly runAsUser: number;
};

export type PullJob = Serialized<V1Job> & { readonly metadata: { readonly name: string; readonly namespace: string } };

/** The Job that pulls some images on to one node: one container per image, none of which runs anything of it. `images` are what `pulling` makes. */
export function pullJob(order: PullJobOrder, images = pulling(order)): PullJob {
  const { cache, node, entry, indexes, settings } = order;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cache, entry, indexes),
      namespace: cache.namespace,
      labels: ownLabels(order),
      annotations: ownAnnotations(order),
      ownerReferences: [{ apiVersion, kind: imageCacheKind, name: cache.name, uid: cache.uid, controller: true }],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: backstopSeconds(order),
      template: {
        metadata: {
          labels: { ...cache.spec.podMetadata.labels, ...ownLabels(order) },
          annotations: { ...podAnnotations, ...cache.spec.podMetadata.annotations, ...ownAnnotations(order) },
        },
        spec: {
          ...images,
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          dnsPolicy: 'Default',
          ...optionalField('serviceAccountName', cache.spec.serviceAccountName ?? settings.serviceAccountName),
          automountServiceAccountToken: false,
          securityContext: {
            runAsUser: order.runAsUser,
            runAsNonRoot: true,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          imagePullSecrets: cache.spec.imagePullSecrets.map((name) => ({ name })),
          affinity: { nodeAffinity: nodeAffinity(node.name) },
          tolerations: podTolerations(cache.spec) ?? [{ operator: 'Exists' }],
          ...optionalField('priorityClassName', cache.spec.priorityClassName ?? settings.jobPriorityClassName),
          enableServiceLinks: false,
        },
      },
    },
  };
}

/** The part of a Pod that pulls, which is the largest by far, and the same on all nodes that are to hold the same. */
export const pulling = (order: PullJobOrder): Pulling =>
  mountsImages(order.entry, order.node) ? mountingPod(order) : copyingPod(order);

export type Pulling = Pick<PodSpec, 'volumes' | 'initContainers' | 'containers'>;
type PodSpec = NonNullable<NonNullable<Serialized<V1Job>['spec']>['template']['spec']>;

/** Every image is a volume, mounted by a container of its own, so that each has its own reason of failure. */
function mountingPod({ cache, wanted, indexes, settings }: PullJobOrder): Pulling {
  return {
    volumes: indexes.map((index) => {
      const reference = imageAt(wanted, index);
      return { name: containerName(index), image: { reference, pullPolicy: pullPolicyOf(reference, cache, settings) } };
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

/** The no-op is copied into a shared folder and started in each image: it is static and needs nothing there. */
function copyingPod({ cache, wanted, indexes, settings }: PullJobOrder): Pulling {
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
      const image = imageAt(wanted, index);
      return {
        name: containerName(index),
        image,
        command: [`${sharedFolder}${program}`],
        volumeMounts: [{ ...shared, readOnly: true }],
        ...confined,
        imagePullPolicy: pullPolicyOf(image, cache, settings),
      };
    }),
  };
}

/** Explicit and small, for every container: a LimitRange's default times 33 containers would not schedule. */
const confined = {
  resources: { limits: { cpu: '100m', memory: '32Mi' }, requests: { cpu: '1m', memory: '1Mi' } },
  securityContext: restrictedSecurityContext,
};

function ownLabels({ cache, entry }: PullJobOrder): Readonly<Record<string, string>> {
  return {
    [labels.app]: 'kubefledged',
    [labels.manager]: managerLabelValue,
    [labels.cacheUid]: cache.uid,
    [labels.node]: entry.id,
    'sidecar.istio.io/inject': 'false',
  };
}

function ownAnnotations({ cache, node, entry, indexes }: PullJobOrder): Readonly<Record<string, string>> {
  return {
    [jobAnnotations.cache]: `${cache.namespace}/${cache.name}`,
    [jobAnnotations.round]: String(cache.status.round?.number ?? 0),
    [jobAnnotations.node]: node.name,
    [jobAnnotations.attempt]: String(entry.attempt),
    [jobAnnotations.holds]: `${entry.desiredHash}/${indexes.join(',')}`,
  };
}

/** Only a backstop, well behind the deadline that we keep: a Job's own deadline wipes its Pod's reasons and results. */
function backstopSeconds({ cache, indexes, settings }: PullJobOrder): number {
  return 3600 + 2 * Math.ceil(startedDeadline(cache, settings, indexes.length) / 1000);
}

const imageAt = (wanted: DesiredImages, index: number): string => wanted.images[index] ?? '';
