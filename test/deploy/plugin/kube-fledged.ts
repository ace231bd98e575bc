/** The objects of kube-fledged 0.10 that matter to a migration, written from its documentation, not copied. */

const text = { type: 'string' };
const failure = {
  type: 'object',
  required: ['node', 'reason', 'message'],
  properties: { node: text, reason: text, message: text },
};

/** It has no status subresource and no columns; the first four fields of a status are required. */
export const kubeFledgedCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'imagecaches.kubefledged.io',
    labels: { app: 'kubefledged', kubefledged: 'kubefledged-controller' },
  },
  spec: {
    group: 'kubefledged.io',
    scope: 'Namespaced',
    names: {
      kind: 'ImageCache',
      listKind: 'ImageCacheList',
      plural: 'imagecaches',
      singular: 'imagecache',
      shortNames: ['ic'],
    },
    versions: [
      {
        name: 'v1alpha2',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              apiVersion: text,
              kind: text,
              metadata: { type: 'object' },
              spec: {
                type: 'object',
                required: ['cacheSpec'],
                properties: {
                  cacheSpec: {
                    type: 'array',
                    items: {
                      type: 'object',
                      required: ['images'],
                      properties: {
                        images: { type: 'array', items: text },
                        nodeSelector: { type: 'object', additionalProperties: text },
                      },
                    },
                  },
                  imagePullSecrets: { type: 'array', items: { type: 'object', properties: { name: text } } },
                },
              },
              status: {
                type: 'object',
                required: ['status', 'reason', 'message', 'startTime'],
                properties: {
                  status: text,
                  reason: text,
                  message: text,
                  startTime: { type: 'string', format: 'date-time' },
                  completionTime: { type: 'string', format: 'date-time' },
                  failures: { type: 'object', additionalProperties: { type: 'array', items: failure } },
                },
              },
            },
          },
        },
      },
    ],
  },
};

/** A Pod of its controller that is bound to no node and therefore never runs. */
export const controllerPod = (namespace: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'kubefledged-controller-0',
    namespace,
    labels: { app: 'kubefledged', kubefledged: 'kubefledged-controller' },
  },
  spec: {
    nodeSelector: { nowhere: 'yes' },
    containers: [{ name: 'controller', image: 'docker.io/senthilrch/kubefledged-controller:v0.10.0' }],
  },
});

export const webhookConfiguration = (namespace: string): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'kubefledged-webhook-server', labels: { app: 'kubefledged' } },
  webhooks: [
    {
      name: 'validate-image-cache.kubefledged.io',
      admissionReviewVersions: ['v1beta1', 'v1'],
      timeoutSeconds: 1,
      failurePolicy: 'Fail',
      sideEffects: 'None',
      clientConfig: {
        service: { namespace, name: 'kubefledged-webhook-server', path: '/validate-image-cache', port: 3443 },
      },
      rules: [
        {
          operations: ['CREATE', 'UPDATE'],
          apiGroups: ['kubefledged.io'],
          apiVersions: ['v1alpha2'],
          resources: ['imagecaches'],
          scope: 'Namespaced',
        },
      ],
    },
  ],
});

/** A Job that it creates for one image on one node, owned by a cache. */
export const oldJob = (namespace: string, owner: { readonly name: string; readonly uid: string }): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name: `${owner.name}-x7k2p`,
    namespace,
    labels: {
      app: 'kubefledged',
      kubefledged: 'kubefledged-image-manager',
      imagecache: owner.name,
      controller: 'fledged',
    },
    ownerReferences: [
      {
        apiVersion: 'kubefledged.io/v1alpha2',
        kind: 'ImageCache',
        ...owner,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  },
  spec: {
    backoffLimit: 0,
    activeDeadlineSeconds: 3600,
    suspend: true,
    template: {
      spec: { restartPolicy: 'Never', containers: [{ name: 'imagepuller', image: 'registry.example/old:1' }] },
    },
  },
});

type Left = { readonly status: string; readonly reason: string; readonly failures?: object };

/** One status of every kind that it writes. */
export const statuses: Readonly<Record<string, Left>> = {
  succeeded: { status: 'Succeeded', reason: 'ImageCacheCreate' },
  refreshed: { status: 'Succeeded', reason: 'ImageCacheRefresh' },
  failed: {
    status: 'Failed',
    reason: 'ImageCacheUpdate',
    failures: { 'registry.example/old:1': [{ node: 'sim-1', reason: 'ErrImagePull', message: 'not found' }] },
  },
  purged: { status: 'Succeeded', reason: 'ImageCachePurge' },
  unmatched: { status: 'NoImagesPulledOrDeleted', reason: 'ImageCacheCreate' },
  processing: { status: 'Processing', reason: 'ImageCacheCreate' },
  aborted: { status: 'Aborted', reason: 'ImagePullAborted' },
  stale: { status: 'Succeeded', reason: 'ImageCacheCreate' },
};
