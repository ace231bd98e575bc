import type { Order } from './rules.ts';

/** The cache that a Job is for. */
export type Owner = { readonly name: string; readonly uid: string; readonly namespace: string };

export const jobLabels = { app: 'kubefledged', kubefledged: 'kubefledged-image-manager' } as const;

/** The program that is copied into a shared folder and run in the image. */
export type Helper = { readonly image: string; readonly copy: readonly string[]; readonly run: readonly string[] };

export const busybox: Helper = {
  image: 'registry.example/busybox:1',
  copy: ['cp', '/bin/echo', '/tmp/bin'],
  run: ['/tmp/bin/echo', 'Image pulled successfully!'],
};

/** Our noop image instead, which copies itself: for nodes that really run containers. */
export const noopHelper = (image: string): Helper => ({
  image,
  copy: ['/noop', 'copy', '/tmp/bin/noop'],
  run: ['/tmp/bin/noop'],
});

/** kube-fledged's Job for one image on one node: an init container copies echo, which then runs in the image. */
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
              command: helper.run,
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
