import type { V1Job } from '@kubernetes/client-node';
import type { PullPolicy } from '#model/cache/spec-fields.ts';
import { pullPolicyOf } from '#model/desired/desired-images.ts';
import {
  restrictedSecurityContext,
  containerName,
  helperContainer,
  mountsImages,
  type Serialized,
} from '#model/job/job-pod.ts';
import type { PullJobOrder } from './pull-job-order.ts';

const program = '/noop';
/** Not that of the image, which may be missing or lead elsewhere. */
const workingDir = '/';
const sharedFolder = '/.imagecache';

/** The volumes and containers of a pull Pod: by far its largest part, and equal on all nodes with the same desired images. */
export function pullingPod(order: PullJobOrder): PullingPod {
  if (order.entry.opening === 'Bare') return barePod(order);
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

/** Kubelets check the credentials of an image before they start its container, which has no program to run. */
const barePod = (order: PullJobOrder): PullingPod => ({
  containers: order.indexes.map((index) => ({
    name: containerName(index),
    image: imageAt(order, index),
    command: [`${sharedFolder}${program}`],
    workingDir,
    ...confined,
    imagePullPolicy: 'IfNotPresent',
  })),
});

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
