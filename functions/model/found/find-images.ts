import type { FoundImages, FoundList, FoundSecret } from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import { isImageReference } from '#model/text/image-reference.ts';
import { groupsOf, type Given, type Readings, allSources, foundBounds, pastOr } from './groups.ts';
import { withinLimits, withinPlacements } from './limits.ts';
import { ownLists, ownPullSecrets } from '#model/cache/with-found.ts';

/**
 * The images that the read workloads name now, and those that none names any more and that are still kept. Returns what
 * the status has if nothing is different.
 */
export function findImages(cache: ImageCache, { readings, limits, now }: Given): FoundImages {
  const problems = [...new Set(readings.lists.flatMap((reading) => reading.problems))];
  const groups = withinPlacements(groupsOf(cache, readings, now), problems);
  const lists = withinLimits(groups, { cache, limits, problems });
  const found = {
    lists: withSamples(lists),
    pullSecrets: foundSecrets(cache, { readings, now, problems }),
    problem: sentences(invalidReferences(readings, problems)),
    recordedAt: now,
  };
  return isEqual(found, cache.status.found) ? cache.status.found : found;
}

const longestProblem = 1024;

/** Each once. An image may be any text: half a character would not be stored as it is. */
const sentences = (problems: readonly string[]): string =>
  [...new Set(problems)].join('; ').slice(0, longestProblem).toWellFormed();

const isEqual = (found: FoundImages, known: FoundImages): boolean =>
  JSON.stringify(comparable(found)) === JSON.stringify(comparable(known));

/** Everything except the time of recording, with the fields in a fixed order. */
const comparable = ({ lists, pullSecrets, problem }: FoundImages): Omit<FoundImages, 'recordedAt'> => ({
  lists: lists.map(({ list, listHash: of, pods, images }) => ({
    list,
    listHash: of,
    pods: pods && { nodeSelector: pods.nodeSelector, terms: pods.terms, tolerations: pods.tolerations },
    images: images.map(({ image, workloads, workloadCount, unnamedSince }) => ({
      image,
      workloads,
      workloadCount,
      unnamedSince,
    })),
  })),
  pullSecrets: pullSecrets.map(({ name, unnamedSince }) => ({ name, unnamedSince })),
  problem,
});

/** Maximum total length of these names, which are informational. */
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

function invalidReferences(readings: Readings, problems: readonly string[]): readonly string[] {
  const invalid = [...allSources(readings)].flatMap(({ workload, images }) =>
    images
      .filter((image) => !isImageReference(image))
      .map((image) => `${workload} (${JSON.stringify(image.slice(0, 100))})`),
  );
  const [first] = invalid.toSorted();
  if (first === undefined) return problems;
  const more = invalid.length === 1 ? '' : ` and ${invalid.length - 1} more`;
  return [...problems, `No image reference: ${first}${more}`];
}

/** Reports what could not be read, or was too much, once for each problem. */
export const foundEvents = ({ found, status }: ImageCache): readonly CacheEvent[] =>
  found.problem === '' || found.problem === status.found.problem
    ? []
    : [{ type: 'Warning', reason: 'WorkloadsNotRead', message: found.problem, key: found.problem }];

type Naming = Pick<Given, 'readings' | 'now'> & { readonly problems: string[] };

/** The secrets of the workloads and, where pull Pods name some, those that admission would have added to them. */
export function foundSecrets(cache: ImageCache, { readings, now, problems }: Naming): readonly FoundSecret[] {
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
    const unnamedSince = pastOr(now, secret.unnamedSince);
    return now - unnamedSince < keepSeconds * 1000 ? [{ name: secret.name, unnamedSince }] : [];
  });
  const names = [...named].toSorted((a, b) => Number(known.has(b)) - Number(known.has(a)) || (a < b ? -1 : 1));
  const all = [...names.map((name) => ({ name, unnamedSince: undefined })), ...kept];
  if (all.length > foundBounds.secrets)
    problems.push(`Workloads name ${all.length} pull secrets, of which ${foundBounds.secrets} are used`);
  return all.slice(0, foundBounds.secrets).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
