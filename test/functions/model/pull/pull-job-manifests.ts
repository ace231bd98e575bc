import { node } from '../builders.ts';

/** Two pull Jobs as they go to the API server, every word of them: of a cache `apps/web` with the images app:1 and base. */

const identity = {
  imagecache: 'web',
  controller: 'fledged',
  app: 'kubefledged',
  kubefledged: 'kubefledged-image-manager',
  'kubefledged.io/cache-uid': '8b1e4f4e-0c55-4f0e-9a53-1f6a0d6a7c11',
  'kubefledged.io/node-id': node().id,
  'sidecar.istio.io/inject': 'false',
};

const origin = {
  'kubefledged.io/cache': 'apps/web',
  'kubefledged.io/round': '1',
  'kubefledged.io/node': 'node-1',
  'kubefledged.io/attempt': '1',
  'kubefledged.io/holds': '4f3460f1/0,1',
  'kubefledged.io/deadline': '300',
};

const confined = {
  resources: { limits: { cpu: '100m', memory: '32Mi' }, requests: { cpu: '1m', memory: '1Mi' } },
  securityContext: { capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
};

const manifest = (name: string, pod: object) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name,
    namespace: 'apps',
    labels: identity,
    annotations: origin,
    ownerReferences: [
      {
        apiVersion: 'kubefledged.io/v1alpha2',
        kind: 'ImageCache',
        name: 'web',
        uid: '8b1e4f4e-0c55-4f0e-9a53-1f6a0d6a7c11',
        controller: true,
      },
    ],
  },
  spec: {
    backoffLimit: 0,
    activeDeadlineSeconds: 4800,
    template: {
      metadata: {
        labels: identity,
        annotations: {
          'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true',
          'sidecar.istio.io/inject': 'false',
          'linkerd.io/inject': 'disabled',
          ...origin,
        },
      },
      spec: {
        ...pod,
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 0,
        dnsPolicy: 'Default',
        automountServiceAccountToken: false,
        securityContext: { runAsUser: 65_532, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        imagePullSecrets: [],
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] }],
            },
          },
        },
        tolerations: [{ operator: 'Exists' }],
        enableServiceLinks: false,
      },
    },
  },
});

/** On a node that starts images. */
export const copyingJob = (name: string) =>
  manifest(name, {
    volumes: [{ name: 'noop', emptyDir: { sizeLimit: '1Mi' } }],
    initContainers: [
      {
        name: 'noop',
        image: 'registry.example.com/noop:1',
        command: ['/noop', 'copy', '/.imagecache/noop'],
        volumeMounts: [{ name: 'noop', mountPath: '/.imagecache' }],
        ...confined,
        imagePullPolicy: 'IfNotPresent',
      },
    ],
    containers: [
      {
        name: 'image-0',
        image: 'app:1',
        command: ['/.imagecache/noop'],
        workingDir: '/',
        volumeMounts: [{ name: 'noop', mountPath: '/.imagecache', readOnly: true }],
        ...confined,
        imagePullPolicy: 'IfNotPresent',
      },
      {
        name: 'image-1',
        image: 'base',
        command: ['/.imagecache/noop'],
        workingDir: '/',
        volumeMounts: [{ name: 'noop', mountPath: '/.imagecache', readOnly: true }],
        ...confined,
        imagePullPolicy: 'Always',
      },
    ],
  });

/** On a node that mounts images. */
export const mountingJob = (name: string) =>
  manifest(name, {
    volumes: [
      { name: 'image-0', image: { reference: 'app:1', pullPolicy: 'IfNotPresent' } },
      { name: 'image-1', image: { reference: 'base', pullPolicy: 'Always' } },
    ],
    containers: [
      {
        name: 'image-0',
        image: 'registry.example.com/noop:1',
        command: ['/noop'],
        volumeMounts: [{ name: 'image-0', mountPath: '/image', readOnly: true }],
        ...confined,
        imagePullPolicy: 'IfNotPresent',
      },
      {
        name: 'image-1',
        image: 'registry.example.com/noop:1',
        command: ['/noop'],
        volumeMounts: [{ name: 'image-1', mountPath: '/image', readOnly: true }],
        ...confined,
        imagePullPolicy: 'IfNotPresent',
      },
    ],
  });
