import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Kube } from '../behaviour/kube.ts';
import { isFinished, isRemoval, parseCache, parseJob, type ObservedJob } from '../behaviour/observed.ts';
import { seenCache, type SeenCache } from './ending.ts';
import type { Stage } from './stage.ts';

/**
 * Waits until nothing is under way, nothing has changed for this many milliseconds, and nothing is due for as long again; false if
 * that takes too long. While the product is stopped, it only waits.
 */
export async function settle(stage: Stage, quiet: number): Promise<boolean> {
  const { kube, pace, tick, isStopped } = stage;
  const begin = Date.now();
  let [last, since, ticked] = [await versions(kube), begin, begin];
  while (Date.now() - begin < pace.longest) {
    await pause(pace.poll);
    if (isStopped()) return true;
    if (pace.tick > 0 && Date.now() - ticked >= pace.tick) {
      ticked = Date.now();
      await tick();
    }
    const now = await versions(kube);
    if (changes(last, now).length > 0) [last, since] = [now, Date.now()];
    if (Date.now() - since >= quiet && !(await hasWork(stage, Date.now() + 2 * quiet))) return true;
  }
  return false;
}

/** Whether a cache has something to do before this time, or a Job has not ended. */
async function hasWork({ kube, settings }: Stage, until: number): Promise<boolean> {
  const isForbidden = (await kube.get('ResourceQuota', 'quota')) !== undefined;
  const caches = (await kube.list('ImageCache')).map((object) => seenCache(parseCache(object), settings));
  const jobs = (await kube.list('Job')).map(parseJob);
  return caches.some((cache) => isUnderWay(cache, { isForbidden, until })) || jobs.some((job) => isAtWork(job, caches));
}

type Wait = { readonly isForbidden: boolean; readonly until: number };

/** A round, a pull, a removal, a deletion, or something that nobody has looked at. */
export function isUnderWay({ metadata, status, spec }: SeenCache, { isForbidden, until }: Wait): boolean {
  if (metadata.deletionTimestamp !== undefined || status.status === 'Processing') return true;
  if (status.observedGeneration !== metadata.generation) return true;
  if (spec.suspend) return false;
  if (isRequested(metadata.annotations, status)) return true;
  // What is noted of a registry is forgotten at its time.
  const noted = Object.values(status.registries).flatMap((use) => Object.values(use));
  if (noted.some((time) => typeof time === 'string' && Date.parse(time) <= until)) return true;
  const isReconciling = status.conditions.some((each) => each.type === 'Reconciling' && each.status === 'True');
  const isPulling = Object.values(status.nodes).some(({ state }) => state === 'Pending' || state === 'Pulling');
  const isRemoving = Object.entries(status.removals).some(([node, { state, retryTime }]) => {
    // A removal waits as long as the node does not have the new images.
    const { state: pull = 'Ready', reason = '' } = status.nodes[node] ?? {};
    if (state !== 'Removing' && pull !== 'Ready' && reason !== 'TaintNotTolerated') return false;
    if (state === 'Pending' || state === 'Removing') return true;
    // What a quota forbids fails again each time that it is tried; everything else succeeds in the end.
    return state === 'Failed' && !(isForbidden && Date.parse(retryTime) > until);
  });
  return isReconciling || isPulling || isRemoving;
}

/** A request that nobody has acted on yet: annotations are removed, and tokens recorded. */
function isRequested(annotations: Readonly<Record<string, string>>, status: SeenCache['status']): boolean {
  const { lastHandledRefreshAt, lastHandledPurgeAt } = status;
  const refresh = annotations['kubefledged.io/refresh-requested-at'] ?? lastHandledRefreshAt;
  const purge = annotations['kubefledged.io/purge-requested-at'] ?? lastHandledPurgeAt;
  const isAnnotated = ['refresh', 'purge'].some((name) => `kubefledged.io/${name}-imagecache` in annotations);
  return isAnnotated || refresh !== lastHandledRefreshAt || purge !== lastHandledPurgeAt;
}

/** Retained Jobs do not work any more, whatever becomes of their Pods. Those of deleted caches are deleted by the garbage collector: on a real control plane within half a minute. */
function isAtWork(job: ObservedJob, caches: readonly SeenCache[]): boolean {
  if (isRemoval(job)) return !isFinished(job);
  const cache = caches.find(({ metadata }) => metadata.uid === job.metadata.labels['kubefledged.io/cache-uid']);
  return cache === undefined || cache.spec.jobRetentionPolicy !== 'Retain';
}

type Versions = ReadonlyMap<string, string>;

/** The versions of all caches, and the Jobs that exist. Retained Jobs are never quiet: their kubelet repeats pulls that failed, or ends them after the deadline. */
export async function versions(kube: Kube): Promise<Versions> {
  const kinds = ['ImageCache', 'Job'] as const;
  const lists = await Promise.all(
    kinds.map(async (kind) =>
      (await kube.list(kind)).map((object): [string, string] => {
        const { uid, name, resourceVersion } = versioned.parse(object).metadata;
        return [`${kind} ${name} ${uid}`, kind === 'Job' ? '' : resourceVersion];
      }),
    ),
  );
  return new Map(lists.flat());
}

/** The objects that are new or different; Jobs that are gone are no change. */
export const changes = (before: Versions, after: Versions): readonly string[] =>
  [...after].flatMap(([key, version]) => (before.get(key) === version ? [] : [key]));

const versioned = z.object({ metadata: z.object({ uid: z.string(), name: z.string(), resourceVersion: z.string() }) });
