import { hash } from './hash.ts';
import type { ImageCache } from './image-cache.ts';
import type { LedgerEntry } from './ledger.ts';
import type { Settings } from './settings.ts';
import type { Wanted } from './wanted.ts';

/** Which images, by index into the want's sorted images, each Job of a node's attempt pulls; in the order in which the Jobs are made. */
export function jobSet(
  entry: LedgerEntry,
  wanted: Wanted,
  cache: ImageCache,
  settings: Settings,
): readonly (readonly number[])[] {
  const todo = entry.todo ?? wanted.images.map((_, index) => index);
  if (entry.singly) return todo.map((index) => [index]);
  const size = Math.min(settings.imagesPerJob, Math.ceil(todo.length / cache.spec.pullsPerNode));
  return Array.from({ length: Math.ceil(todo.length / size) }, (_, job) => todo.slice(job * size, (job + 1) * size));
}

/** The one name of a Job: whoever makes it, however often, makes the same. At most 53 characters, as its Pods add to it. */
export function jobName(cache: ImageCache, entry: LedgerEntry, indexes: readonly number[]): string {
  const round = cache.status.round?.number ?? 0;
  return `${nameStart(cache.name)}-${hash(12, cache.uid, round, entry.id, entry.attempt, entry.want, String(entry.copy), ...indexes)}`;
}

/** What a Job's name begins with: as much of its cache's name as leaves room for a hash of 12. */
export const nameStart = (cacheName: string): string =>
  cacheName
    .slice(0, 40)
    .replace(/[^a-z0-9]+$/, '')
    .replaceAll('.', '-');
