import {
  type FoundImages,
  type FoundList,
  type FoundSecret,
  hasSameImages,
  ownLists,
  ownPullSecrets,
  placementKey,
} from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/api.ts';
import { isImageReference } from '#model/text/image-reference.ts';
import type { ImageSource } from '#model/workload/image-sources.ts';
import { type Readings, foundBounds, groupsOf, keptSince } from './groups.ts';
import { type FoundLimits, withinLimits, withinPlacements, withinTenancy } from './limits.ts';

/**
 * The images that the read workloads name now, and those that none names any more and that are still kept. Returns what
 * the status has if nothing is different.
 */
export function findImages(cache: ImageCache, read: Readings, limits: FoundLimits, now: number): FoundImages {
  const problems = [...new Set(read.lists.flatMap((reading) => reading.problems))];
  const { known, readings } = withinTenancy(cache, read, limits, problems);
  const groups = withinPlacements(groupsOf(known, readings, now), problems);
  const lists = withinLimits(groups, known, limits, problems);
  const pullSecrets = foundSecrets(cache, readings, problems, now);
  problems.push(...invalidReferences(read));
  // An image may be any text: half a character would not be stored as it is.
  const problem = [...new Set(problems)].join('; ').slice(0, longestProblem).toWellFormed();
  const found = { lists: withSamples(lists), pullSecrets, problem, recordedAt: now };
  return signature(found) === signature(cache.status.found) ? cache.status.found : found;
}

const longestProblem = 1024;

/** Equal if the same was found, whenever it was recorded. */
function signature({ lists, pullSecrets, problem }: FoundImages): string {
  const images = (list: FoundList): unknown =>
    list.images.map(({ image, workloads, workloadCount, unnamedSince }) => [
      image,
      workloads,
      workloadCount,
      unnamedSince,
    ]);
  return JSON.stringify([
    lists.map((list) => [list.list, list.listHash, placementKey(list.pods), images(list)]),
    pullSecrets.map(({ name, unnamedSince }) => [name, unnamedSince]),
    problem,
  ]);
}

/** Maximum total length of the names of workloads, which are informational. */
const sampleLength = 32_768;

function withSamples(lists: readonly FoundList[]): readonly FoundList[] {
  let left = sampleLength;
  const sampled = (workloads: readonly string[]): readonly string[] =>
    workloads.filter(({ length }) => (left -= length) >= 0);
  return lists.map((list) => ({
    ...list,
    images: list.images.map((image) => ({ ...image, workloads: sampled(image.workloads) })),
  }));
}

function invalidReferences(readings: Readings): readonly string[] {
  const invalid = [...allSources(readings)].flatMap(({ workload, images }) =>
    images
      .filter((image) => !isImageReference(image))
      .map((image) => `${workload} (${JSON.stringify(image.slice(0, 100))})`),
  );
  const [first] = invalid.toSorted();
  if (first === undefined) return [];
  const more = invalid.length === 1 ? '' : ` and ${invalid.length - 1} more`;
  return [`No image reference: ${first}${more}`];
}

/** All workloads that were read, without duplicates. */
const allSources = ({ lists }: Readings): ReadonlySet<ImageSource> => new Set(lists.flatMap(({ sources }) => sources));

/** The secrets of the workloads and, where pull Pods name some, those that admission would have added to them. */
function foundSecrets(cache: ImageCache, readings: Readings, problems: string[], now: number): readonly FoundSecret[] {
  const { accounts, account, lists } = readings;
  const secretsOf = (name: string): readonly string[] => accounts.secrets.get(name) ?? [];
  const named = new Set<string>();
  for (const { pullSecrets, serviceAccount } of allSources(readings))
    for (const name of pullSecrets.length > 0 ? pullSecrets : secretsOf(serviceAccount)) named.add(name);
  if (named.size > 0 && ownPullSecrets(cache.spec).length === 0) for (const name of secretsOf(account)) named.add(name);
  const isComplete = accounts.isComplete && lists.every((reading) => reading.isComplete);
  const own = ownLists(cache.spec);
  const keepSeconds = Math.max(0, ...lists.map(({ list }) => own[list]?.imagesFrom?.keepSeconds ?? 0));
  const known = new Set(cache.status.found.pullSecrets.map(({ name }) => name));
  const kept = cache.status.found.pullSecrets.flatMap((secret): readonly FoundSecret[] => {
    if (named.has(secret.name)) return [];
    if (!isComplete) return [secret];
    const unnamedSince = keptSince(secret.unnamedSince, keepSeconds, now);
    return unnamedSince === undefined ? [] : [{ name: secret.name, unnamedSince }];
  });
  const names = [...named].toSorted((a, b) => Number(known.has(b)) - Number(known.has(a)) || (a < b ? -1 : 1));
  const all = [...names.map((name) => ({ name, unnamedSince: undefined })), ...kept];
  if (all.length > foundBounds.secrets)
    problems.push(`Workloads name ${all.length} pull secrets, of which ${foundBounds.secrets} are used`);
  return all.slice(0, foundBounds.secrets).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The found images to use: the new ones, or those of the status until `interval` milliseconds after the last round for
 * workloads, so that a burst of changes does not open a round for each. The status is written as rarely if only names change.
 */
export function foundToUse(cache: ImageCache, found: FoundImages, interval: number, now: number): FoundImages {
  const { found: known, observedGeneration } = cache.status;
  if (observedGeneration !== cache.generation) return found;
  const next = hasSameImages(found, known)
    ? nextAfter(known.recordedAt ?? -Infinity, interval, now)
    : foundRoundTime(cache, interval, now);
  return now >= next ? found : known;
}

/** When workloads may open the next round of a cache, in epoch milliseconds; in the past if at once. */
export const foundRoundTime = ({ status: { round } }: ImageCache, interval: number, now: number): number =>
  round?.trigger === 'Workloads' ? nextAfter(round.startTime, interval, now) : -Infinity;

/** An interval after a time of the status; at once if a clock that was ahead has written it. */
const nextAfter = (time: number, interval: number, now: number): number =>
  time > now + interval ? -Infinity : time + interval;

/** Reports what could not be read, or was too much, once for each problem. */
export const foundEvents = ({ found, status }: ImageCache): readonly CacheEvent[] =>
  found.problem === '' || found.problem === status.found.problem
    ? []
    : [{ type: 'Warning', reason: 'WorkloadsNotRead', message: found.problem, key: found.problem }];
