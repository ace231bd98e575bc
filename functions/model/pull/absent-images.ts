import { failureBounds, withNode, withoutNode } from '#model/cache/failures.ts';
import { type Failures, type ImageCache, isRoundOpen, withStatus } from '#model/cache/image-cache.ts';
import { isUnsettled, type LedgerEntry } from '#model/cache/ledger.ts';
import type { DesiredImages, DesiredByHash } from '#model/desired/desired-images.ts';
import { isWaitingForWave, rolloutOf } from '#model/desired/rollout.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { isNotFound } from './image-outcome.ts';
import { type WaveBudget, waveOf } from './waves.ts';

/*
 * Images that do not exist are not tried on every node. As with waves, this follows from the ledger alone: the nodes try
 * them as soon as the ledger no longer shows them as absent.
 */

/**
 * Nodes whose kubelets have to report that an image is not there before others do not try it: one may have a mirror or a
 * login of its own. The answer of the registry itself counts as one of them.
 */
const agreeingNodes = 2;

/** Nodes that try an image first if its registry did not find it for us: the kubelet may have a login that we have not. */
const firstTries = 2;

/** How long others wait for these nodes after the round was opened, in milliseconds: one of them may be slow for other reasons. */
const maxWait = 30_000;

/** Nodes that have not begun do not try images that do not exist: they count as failed with the reason that others found. */
export function withoutAbsentImages(world: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const { nodes, failures } = cache.status;
  const entries = Object.entries(nodes);
  if (Object.keys(failures).length === 0 && !entries.some(([, { absentImages }]) => absentImages.length > 0))
    return cache;
  // A rollout stops by itself, and holds the nodes that have not begun.
  const hasWaves = rolloutOf(cache, world.settings) !== undefined;
  const absent = hasWaves ? noImages : absentImages(cache, desired);
  const tries = hasWaves ? undefined : triesLeft(cache, desired, absent);
  let nextFailures = failures;
  const next = entries.map(([name, entry]): [string, LedgerEntry] => {
    const images = desired.get(entry.desiredHash);
    if (images === undefined) return [name, entry];
    const changed =
      entry.state === 'Failed'
        ? tryAgain(entry, images, { absent, tries })
        : entryWithout(entry, images, { cache, absent });
    nextFailures = failuresWithout(nextFailures, { name, before: entry, entry: changed, images, absent });
    return [name, changed];
  });
  return withStatus(cache, { nodes: Object.fromEntries(next), failures: nextFailures });
}

/** Causes by image. */
type AbsentImages = ReadonlyMap<string, Failures[string][number]>;

const noImages: AbsentImages = new Map();

/** The images that enough kubelets report not to exist, and that no node has pulled in this round. */
function absentImages({ status }: ImageCache, desired: DesiredByHash): AbsentImages {
  const { failures, nodes } = status;
  const found = Object.entries(failures).flatMap(([image, each]) => {
    const reports = each.filter((failure) => isNotFound(failure, image) && hasTried(image, failure.node));
    const [first] = reports;
    const agreeing = reports.length + (status.absentImages.includes(image) ? 1 : 0);
    return first === undefined || agreeing < agreeingNodes ? [] : [[image, first] as const];
  });
  if (found.length === 0) return noImages;
  const pulled = pulledImages(Object.values(nodes), desired);
  return new Map(found.filter(([image]) => !pulled.has(image)));

  function hasTried(image: string, node: string): boolean {
    const entry = ownEntry(nodes, node);
    const index = entry && desired.get(entry.desiredHash)?.images.indexOf(image);
    return entry !== undefined && index !== undefined && hasBegun(entry) && !entry.absentImages.includes(index);
  }
}

const hasBegun = ({ attempt, opening }: LedgerEntry): boolean => attempt > 0 || opening !== undefined;

/** The images that some node has pulled in this round, or found that it has them. */
function pulledImages(entries: readonly LedgerEntry[], desired: DesiredByHash): ReadonlySet<string> {
  const pulled = new Set<string>();
  const complete = new Set<string>();
  for (const entry of entries) {
    const { desiredHash, state, opening, failedImages, absentImages: untried } = entry;
    const isTried = state === 'Ready' || state === 'Failed' || opening !== undefined || failedImages.length > 0;
    if (complete.has(desiredHash) || !isTried || !hasBegun(entry)) continue;
    const without = new Set([...failedImages, ...untried]);
    desired.get(desiredHash)?.images.forEach((image, index) => without.has(index) || pulled.add(image));
    if (without.size === 0) complete.add(desiredHash);
  }
  return pulled;
}

/** The indexes of the images that a node which has not begun lacks, those included that it was not to try. */
export const untriedOf = (entry: LedgerEntry, images: DesiredImages): readonly number[] =>
  [...new Set([...pendingOf(entry, images), ...entry.absentImages])].toSorted((a, b) => a - b);

const pendingOf = ({ pendingImages }: LedgerEntry, { images }: DesiredImages): readonly number[] =>
  pendingImages ?? images.map((_, index) => index);

/** How many nodes may try again each image that is no longer known to be absent; Infinity once a node has pulled it. */
function triesLeft({ status }: ImageCache, desired: DesiredByHash, absent: AbsentImages): Map<string, number> {
  const entries = Object.values(status.nodes);
  const untried = entries.flatMap(({ desiredHash, absentImages: indexes }) =>
    indexes.flatMap((index) => desired.get(desiredHash)?.images[index] ?? []),
  );
  const doubtful = [...new Set(untried)].filter((image) => !absent.has(image));
  if (doubtful.length === 0) return new Map();
  const pulled = pulledImages(entries, desired);
  const trying = new Set(entries.filter(isUnsettled).flatMap((entry) => pendingImagesOf(entry, desired)));
  return new Map(doubtful.map((image) => [image, pulled.has(image) ? Infinity : trying.has(image) ? 0 : firstTries]));
}

const pendingImagesOf = (entry: LedgerEntry, desired: DesiredByHash): readonly string[] => {
  const images = desired.get(entry.desiredHash);
  return images === undefined ? [] : pendingOf(entry, images).flatMap((index) => images.images[index] ?? []);
};

type Trying = { readonly absent: AbsentImages; readonly tries: Map<string, number> | undefined };

/** Restarts a node that failed without a try once the reporting nodes were wrong or have left: a few nodes first. */
function tryAgain(entry: LedgerEntry, { images }: DesiredImages, { absent, tries }: Trying): LedgerEntry {
  const doubtful = entry.absentImages.flatMap((index) => {
    const image = images[index] ?? '';
    return absent.has(image) ? [] : [image];
  });
  if (doubtful.length === 0 || doubtful.some((image) => (tries?.get(image) ?? Infinity) === 0)) return entry;
  for (const image of doubtful) tries?.set(image, (tries.get(image) ?? Infinity) - 1);
  const again = { state: 'Pending', pendingImages: entry.failedImages, failedImages: [], absentImages: [] } as const;
  return { ...entry, ...again };
}

type Without = { readonly cache: ImageCache; readonly absent: AbsentImages };

function entryWithout(entry: LedgerEntry, images: DesiredImages, { cache, absent }: Without): LedgerEntry {
  const isAbsent = (index: number): boolean => absent.has(images.images[index] ?? '');
  // A node that joins when the round is over tries everything: somebody may have pushed the image since.
  if (!isRoundOpen(cache.status)) return entry;
  if (entry.state !== 'Pending' || !isWaitingForWave(entry)) return entry;
  if (absent.size === 0 && entry.absentImages.length === 0) return entry;
  const lacking = untriedOf(entry, images);
  const untried = lacking.filter(isAbsent);
  if (untried.join() === entry.absentImages.join()) return entry;
  const pending = lacking.filter((index) => !isAbsent(index));
  if (pending.length === 0)
    return {
      ...entry,
      state: 'Failed',
      reason: '',
      pendingImages: undefined,
      failedImages: untried,
      absentImages: untried,
    };
  const isAll = pending.length === images.images.length;
  return { ...entry, pendingImages: isAll ? undefined : pending, absentImages: untried };
}

type Untried = {
  readonly name: string;
  readonly before: LedgerEntry;
  readonly entry: LedgerEntry;
  readonly images: DesiredImages;
  readonly absent: AbsentImages;
};

/** Reports what others found for each image that the node does not try, as far as the list of failures has room. */
function failuresWithout(failures: Failures, { name, before, entry, images: { images }, absent }: Untried): Failures {
  const triedAgain = before.absentImages.filter((index) => !entry.absentImages.includes(index));
  const left =
    triedAgain.length === 0
      ? failures
      : withoutNode(failures, name, new Set(triedAgain.map((index) => images[index] ?? '')));
  if (entry.state === 'Skipped') return left;
  const found = entry.absentImages.flatMap((index) => {
    const image = images[index] ?? '';
    const cause = absent.get(image);
    const listed = ownEntry(left, image) ?? [];
    const isListed = listed.length >= failureBounds.nodesPerImage || listed.some(({ node }) => node === name);
    return cause === undefined || isListed ? [] : [[image, cause] as const];
  });
  const added = { node: name, causes: new Map(found), images: new Set(found.map(([image]) => image)) };
  return found.length === 0 ? left : withNode(left, added);
}

/**
 * How many more nodes may start for the same images while no node has pulled one of them: undefined, without a limit, if
 * registries found all of them, or were not asked.
 */
export function firstNodes({ status }: ImageCache, desired: DesiredByHash, now: number): WaveBudget | undefined {
  const { absentImages: suspects, startTime = 0, nodes } = status;
  if (suspects.length === 0 || now - startTime >= maxWait) return undefined;
  const entries = Object.values(nodes);
  const pulled = pulledImages(entries, desired);
  const doubtful = new Set(suspects.filter((image) => !pulled.has(image)));
  return new Map(
    [...Map.groupBy(entries, waveOf)].map(([wave, each]) => {
      const isDoubtful = each.filter(isWaitingForWave).some((entry) => {
        const images = desired.get(entry.desiredHash);
        return (
          images !== undefined && pendingOf(entry, images).some((index) => doubtful.has(images.images[index] ?? ''))
        );
      });
      const tries = each.filter((entry) => entry.attempt > 0 && entry.state !== 'Ready').length;
      return [wave, isDoubtful ? Math.max(0, firstTries - tries) : Infinity];
    }),
  );
}
