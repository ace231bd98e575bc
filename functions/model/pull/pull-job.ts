import type { V1Job } from '@kubernetes/client-node';
import {
  apiVersion,
  imageCacheKind,
  jobAnnotations,
  labels,
  labelsOfKubeFledged,
  managerLabelValue,
} from '#model/cache/api.ts';
import { nodeAffinity, optionalField, podAnnotations, type Serialized } from '#model/job/job-pod.ts';
import { imageDeadline } from './attempt-deadline.ts';
import { jobName } from './job-set.ts';
import type { PullJobOrder } from './pull-job-order.ts';
import { pullingPod, type PodSpec } from './pulling-pod.ts';
import { pullDeadline } from '#model/job/job-times.ts';
import { pullRules } from '#model/node/node.ts';
import { priorityClassOf } from '#model/desired/limits.ts';
import { serviceAccountOf } from '#model/desired/access.ts';

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
