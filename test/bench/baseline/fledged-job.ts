import type { Order } from './order.ts';

/** The cache that a Job is for. */
export type Owner = { readonly name: string; readonly uid: string; readonly namespace: string };

export const jobLabels = { app: 'kubefledged', kubefledged: 'kubefledged-image-manager' } as const;

/** What is copied into a shared folder, to be run in the image. */
export type Helper = { readonly image: string; readonly copy: readonly string[] };

export const busybox: Helper = { image: 'registry.example/busybox:1', copy: ['cp', '/bin/echo', '/tmp/bin'] };

/** The Job that kube-fledged makes for one image on one node: an init container copies echo, which is then run in the image. */
export function fledgedJob(owner: Owner, { image, node }: Order, helper: Helper): object {
  const labels = { ...jobLabels, imagecache: owner.name, controller: 'fledged' };
  const shared = { name: 'tmp-bin', mountPath: '/tmp/bin' };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      generateName: `${owner.name}-`,
      namespace: owner.namespace,
      labels,
      ownerReferences: [
        {
          apiVersion: 'kubefledged.io/v1alpha2',
          kind: 'ImageCache',
          name: owner.name,
          uid: owner.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: 3600,
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': node },
          initContainers: [
            {
              name: 'busybox',
              image: helper.image,
              command: helper.copy,
              volumeMounts: [shared],
              imagePullPolicy: 'IfNotPresent',
            },
          ],
          containers: [
            {
              name: 'imagepuller',
              image,
              command: ['/tmp/bin/echo', 'Image pulled successfully!'],
              volumeMounts: [shared],
              imagePullPolicy: 'IfNotPresent',
            },
          ],
          volumes: [{ name: 'tmp-bin', emptyDir: {} }],
          restartPolicy: 'Never',
          tolerations: [{ operator: 'Exists' }],
        },
      },
    },
  };
}
