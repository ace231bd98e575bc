import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Job, Pod } from '#model/job/job.ts';
import { criSocket, type Node } from '#model/node/node.ts';
import type { JobToDelete } from '#model/plan.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { Observed } from '#model/observed.ts';
import type { World } from '#model/world.ts';
import { imagesToKeep, remainingCaches, waitsForOtherCaches } from './kept-images.ts';
import type { V1Job } from '@kubernetes/client-node';
import { jobAnnotations, labels, labelsOfKubeFledged, managerLabelValue } from '#model/cache/api.ts';
import { hash } from '#model/text/hash.ts';
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
import type { RemovalEntry } from '#model/cache/removal-ledger.ts';
import type { RemovalOrder } from './removal-result.ts';
import type { Settings } from '#model/cache/settings.ts';

/** The removal Jobs that are known to be missing: just started, or absent although all were observed. */
export function removalJobsToCreate(world: World, next: ImageCache): readonly RemovalJob[] {
  const { observed } = world;
  if (!observed.removals.hasAll) return [];
  const settings = { ...world.settings, serviceAccountName: observed.removals.serviceAccountName };
  const others = remainingCaches(world);
  return Object.entries(next.status.removals).flatMap(([name, entry]) => {
    const node = observed.nodes.get(name);
    if (entry.state !== 'Removing' || node?.id !== entry.id) return [];
    if (observed.removals.jobs.has(removalJobName(next, entry))) return [];
    const socket = criSocket(node, settings);
    const remove = ownEntry(next.status.toRemove, entry.imagesHash) ?? [];
    if (socket === undefined || waitsForOtherCaches(remove, others, node, settings)) return [];
    const keep = imagesToKeep(remove, [next, ...others], node, settings);
    return [removalJob({ cache: next, node, socket, entry, removal: { remove, keep }, settings })];
  });
}

/** Running removal Jobs that no entry needs any more; those that have ended are deleted by their TTL. */
export function removalJobsToDelete({ removals }: Observed, next: ImageCache): readonly JobToDelete[] {
  const needed = new Set(
    Object.values(next.status.removals)
      .filter(({ state }) => state === 'Removing')
      .map((entry) => removalJobName(next, entry)),
  );
  return [...removals.jobs].flatMap(([name, { job, pod }]) => {
    const uid = job?.uid ?? pod?.jobUid;
    const isKept = needed.has(name) || hasEnded(job, pod) || job?.isBeingDeleted === true;
    return uid === undefined || isKept ? [] : [{ name, uid }];
  });
}

/** The container reports its result a second before the kubelet reports the end of the Pod. */
function hasEnded(job: Job | undefined, pod: Pod | undefined): boolean {
  const hasResult = pod?.containers.some(({ state }) => state === 'terminated') === true;
  return job?.outcome === 'Complete' || job?.outcome === 'Failed' || hasResult;
}

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

/**
 * The Job that removes a cache's images from one node. It has no owner: a reference to a cache in another namespace would
 * get it garbage-collected, so its labels identify its cache. Its TTL deletes it a while after its end: as long as it exists,
 * what nodes list of its images is no evidence.
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
      annotations: { ...ownAnnotations(order), [jobAnnotations.removes]: JSON.stringify(removedNames(order)) },
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
              name: 'removal',
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

/** The references that may be gone afterwards: nobody waits for the others, which are kept. */
function removedNames({ removal: { remove, keep } }: RemovalJobOrder): readonly string[] {
  const kept = new Set(keep.map(normalisedReference));
  return remove.filter((image) => !kept.has(normalisedReference(image)));
}

/** A kubelet under DiskPressure admits critical Pods only, and a removal is what frees its disk. */
const priorityOf = ({ node, cache, settings }: RemovalJobOrder): string =>
  node.hasDiskPressure ? 'system-node-critical' : priorityClassOf(cache, settings);

/** The deterministic name of the Job. It leaves out what is to be kept, which two functions may observe differently. */
export const removalJobName = ({ name, uid }: ImageCache, { round, id, attempt, imagesHash }: RemovalEntry): string =>
  `${jobNamePrefix(name)}-${hash(12, 'removal', uid, round, id, attempt, imagesHash)}`;

/** The image's entrypoint is Node. There is no shell, and each reference is part of its option, so that none is taken for one. */
function programArguments({ socket, removal }: RemovalJobOrder): readonly string[] {
  return [
    'removal.mjs',
    `--socket=${socket}`,
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

/** Longer than the program may take for 32 images, so that its result is never cut off. */
const backstopSeconds = 7200;

/**
 * Removal Jobs that ended long ago and are to be deleted: their cache is gone or does not retain Jobs, or a newer one has
 * ended on their node. `retaining` are the uids of the caches that do. Most are deleted before by their TTL.
 */
export function outdatedRemovals(jobs: readonly Job[], retaining: ReadonlySet<string>, now: number): readonly Job[] {
  const newest = new Map<string, number>();
  for (const job of jobs.filter(({ endedAt }) => endedAt !== undefined))
    newest.set(keyOf(job), Math.max(newest.get(keyOf(job)) ?? 0, job.createdAt));
  return jobs.filter((job) => {
    const isOld = job.endedAt !== undefined && now - job.endedAt >= 2 * evidenceTime;
    return isOld && !(retaining.has(job.cacheUid) && job.createdAt === newest.get(keyOf(job)));
  });
}

const keyOf = ({ cacheUid, nodeId }: Job): string => `${cacheUid} ${nodeId}`;
