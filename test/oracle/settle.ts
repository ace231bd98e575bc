import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Kube } from '../behaviour/kube.ts';
import { isRemoval, parseCache, parseJob, type ObservedCache } from '../behaviour/observed.ts';
import type { Stage } from './stage.ts';

/** Waits until nothing is under way and nothing has changed for this many milliseconds; false if that takes too long. */
export async function settle({ kube, pace, tick }: Stage, quiet: number): Promise<boolean> {
  const begin = Date.now();
  let [last, since, ticked] = [await versions(kube), begin, begin];
  while (Date.now() - begin < pace.longest) {
    await pause(pace.poll);
    if (pace.tick > 0 && Date.now() - ticked >= pace.tick) {
      ticked = Date.now();
      await tick();
    }
    const now = await versions(kube);
    if (changes(last, now).length > 0) [last, since] = [now, Date.now()];
    if (Date.now() - since < quiet) continue;
    const isForbidden = (await kube.get('ResourceQuota', 'quota')) !== undefined;
    const caches = (await kube.list('ImageCache')).map(parseCache);
    if (caches.some((cache) => isUnderWay(cache, isForbidden)) || (await hasOrphans(kube, caches))) continue;
    return true;
  }
  return false;
}

/** A round, a removal, a deletion, or something that nobody has looked at. Removals that a quota forbids are tried again without end. */
function isUnderWay({ metadata, status, spec }: ObservedCache, isForbidden: boolean): boolean {
  if (metadata.deletionTimestamp !== undefined || status.status === 'Processing') return true;
  if (z.safeParse(suspended, spec).success) return false;
  const isRemoving = Object.values(status.removals).some(({ state }) => state !== 'Removed' && state !== 'Skipped');
  return status.observedGeneration !== metadata.generation || (isRemoving && !isForbidden);
}

/** Jobs of a deleted cache, which the garbage collector deletes: on a real control plane within half a minute. */
async function hasOrphans(kube: Kube, caches: readonly ObservedCache[]): Promise<boolean> {
  const uids = new Set(caches.map(({ metadata }) => metadata.uid));
  const jobs = (await kube.list('Job')).map(parseJob).filter((job) => !isRemoval(job));
  return jobs.some(({ metadata }) => !uids.has(metadata.labels['kubefledged.io/cache-uid'] ?? ''));
}

const suspended = z.object({ suspend: z.literal(true) });

type Versions = ReadonlyMap<string, string>;

/** The versions of all caches and Jobs. Pods of retained Jobs are never quiet: their kubelet repeats pulls that failed. */
export async function versions(kube: Kube): Promise<Versions> {
  const kinds = ['ImageCache', 'Job'] as const;
  const lists = await Promise.all(
    kinds.map(async (kind) =>
      (await kube.list(kind)).map((object): [string, string] => {
        const { uid, name, resourceVersion } = versioned.parse(object).metadata;
        return [`${kind} ${name} ${uid}`, resourceVersion];
      }),
    ),
  );
  return new Map(lists.flat());
}

/** The objects that are new or different; Jobs that are gone are no change. */
export const changes = (before: Versions, after: Versions): readonly string[] =>
  [...after].flatMap(([key, version]) => (before.get(key) === version ? [] : [key]));

const versioned = z.object({ metadata: z.object({ uid: z.string(), name: z.string(), resourceVersion: z.string() }) });
