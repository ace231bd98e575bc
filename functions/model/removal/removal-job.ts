import type { V1Job } from '@kubernetes/client-node';
import { jobAnnotations, labels, labelsOfKubeFledged, managerLabelValue } from '#model/cache/api.ts';
import { hash } from '#model/text/hash.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import {
  jobNamePrefix,
  nodeAffinity,
  optionalField,
  podAnnotations,
  restrictedSecurityContext,
  type Serialized,
} from '#model/job/job-pod.ts';
import { evidenceTime, retainsJobs } from '#model/job/job-times.ts';
import { priorityClassOf } from '#model/desired/limits.ts';
import type { Node } from '#model/node/node.ts';
import type { RemovalEntry } from '#model/cache/removal-ledger.ts';
import type { RemovalOrder } from './removal-result.ts';
import type { Settings } from '#model/cache/settings.ts';

/** All that the manifest of a removal Job depends on. */
export type RemovalJobOrder = {
  readonly cache: ImageCache;
  readonly node: Node;
  /** The node's runtime, by `criSocket`. */
  readonly socket: string;
  readonly entry: RemovalEntry;
  readonly removal: RemovalOrder;
  /** Its `namespace` is the one in which a Pod may mount a path of its node. */
  readonly settings: Settings;
};

export type RemovalJob = Serialized<V1Job> & {
  readonly metadata: { readonly name: string; readonly namespace: string };
};

const container = 'removal';

/**
 * The Job that removes a cache's images from one node. It has no owner: a reference to a cache in another namespace would
 * get it garbage-collected, so its labels say whose it is. It goes by itself,
 * but stays a while after its end: as long as it is there, what nodes list of its images is no evidence.
 */
export function removalJob(order: RemovalJobOrder): RemovalJob {
  const { node, settings, socket } = order;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: removalJobName(order.cache, order.entry),
      namespace: settings.namespace,
      labels: ownLabels(order),
      annotations: { ...ownAnnotations(order), [jobAnnotations.removes]: JSON.stringify(order.removal.remove) },
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: backstopSeconds,
      ttlSecondsAfterFinished: retainsJobs(order.cache, settings) ? retainedSeconds : evidenceTime / 1000,
      template: {
        metadata: { labels: ownLabels(order), annotations: { ...podAnnotations, ...ownAnnotations(order) } },
        spec: {
          volumes: [{ name: 'socket', hostPath: { path: socket, type: 'Socket' } }],
          containers: [
            {
              name: container,
              image: settings.removalImage,
              args: programArguments(order),
              resources: { limits: { cpu: '1', memory: '128Mi' }, requests: { cpu: '10m', memory: '64Mi' } },
              volumeMounts: [{ name: 'socket', mountPath: socket }],
              terminationMessagePolicy: 'FallbackToLogsOnError',
              imagePullPolicy: 'IfNotPresent',
              securityContext: restrictedSecurityContext,
            },
          ],
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          dnsPolicy: 'Default',
          ...optionalField('serviceAccountName', settings.serviceAccountName),
          automountServiceAccountToken: false,
          ...(settings.imageDeleteJobHostNetwork ? { hostNetwork: true } : {}),
          securityContext: { runAsUser: 0, runAsGroup: 0, seccompProfile: { type: 'RuntimeDefault' } },
          affinity: { nodeAffinity: nodeAffinity(node.name) },
          tolerations: [{ operator: 'Exists' }],
          ...optionalField('priorityClassName', priorityOf(order)),
          enableServiceLinks: false,
        },
      },
    },
  };
}

/** A kubelet under DiskPressure admits critical Pods only, and a removal is what frees its disk. */
const priorityOf = ({ node, cache, settings }: RemovalJobOrder): string =>
  node.hasDiskPressure ? 'system-node-critical' : priorityClassOf(cache, settings);

/** The deterministic name of the Job. It leaves out what is to be kept, which two functions may observe differently. */
export const removalJobName = ({ name, uid }: ImageCache, { round, id, attempt, imagesHash }: RemovalEntry): string =>
  `${jobNamePrefix(name)}-${hash(12, 'removal', uid, round, id, attempt, imagesHash)}`;

/** The image's entrypoint is Node. No shell, and no reference that could be taken for an option. */
function programArguments({ socket, removal }: RemovalJobOrder): readonly string[] {
  return [
    'removal.mjs',
    `--socket=${socket}`,
    `--purge=${removal.purge}`,
    ...removal.remove.map((image) => `--remove=${image}`),
    ...removal.keep.map((image) => `--keep=${image}`),
  ];
}

function ownLabels({ cache, node }: RemovalJobOrder): Readonly<Record<string, string>> {
  return {
    ...labelsOfKubeFledged(cache.name),
    [labels.app]: 'kubefledged',
    [labels.manager]: managerLabelValue,
    [labels.cacheUid]: cache.uid,
    [labels.node]: node.id,
    [labels.removal]: 'true',
    'sidecar.istio.io/inject': 'false',
  };
}

function ownAnnotations({ cache, node, entry }: RemovalJobOrder): Readonly<Record<string, string>> {
  return {
    [jobAnnotations.cache]: `${cache.namespace}/${cache.name}`,
    [jobAnnotations.round]: String(entry.round),
    [jobAnnotations.node]: node.name,
    [jobAnnotations.attempt]: String(entry.attempt),
  };
}

/** A week. A newer removal on the node, and the deletion of the cache, end it before. */
const retainedSeconds = 604_800;

/** Behind all that the program may take for 32 images, so that its own account of them is never cut off. */
const backstopSeconds = 7200;
