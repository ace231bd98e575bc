import { type ImageCache, type Status, withStatus } from '#model/cache/image-cache.ts';
import { isAbandoned } from '#model/cache/failures.ts';
import { isFailed, isFailingOn, isUnfinished, isUntried } from '#model/cache/image-states.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { longestUse, noUse, type RegistryUse } from '#model/cache/registry-use.ts';
import type { DesiredByHash, DesiredImages } from '#model/desired/desired-images.ts';
import { provenImages } from '#model/desired/images-to-ask-about.ts';
import { withoutTrial } from './registry-answers.ts';
import type { Node } from '#model/node/node.ts';
import type { Observed } from '#model/observed.ts';
import { pullDeadline } from '#model/job/job-times.ts';
import { normalisedReference, registryOf } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { roundDownToSecond, roundUpToSecond } from '#model/text/times.ts';
import type { World } from '#model/world.ts';

/*
 * A kubelet never cancels a pull, so that a registry which sends a byte at a time stops a node that pulls one image after
 * another. A registry that has delivered nothing yet is therefore on trial: one node of a namespace pulls from it, and the
 * others wait until it has delivered. `triedUntil` in the status says so. One that kept a node waiting until the deadline is
 * on trial again.
 */

/** Begins trials when a round opens, and ends those of registries that have delivered an image to a node since. */
export function withTrials(world: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const { before, observed, now } = world;
  const isOpening = before.status.round?.number !== cache.status.round?.number;
  const known = cache.status.registries;
  const hosts = isOpening && observed.hasAllNodes ? hostsOf(desired) : Object.keys(known);
  const isUnknown = (host: string): boolean => {
    const { triedUntil, restsUntil } = ownEntry(known, host) ?? noUse;
    // One that kept a node waiting must deliver again: what it delivered before is no evidence.
    return triedUntil === undefined ? isOpening : restsUntil === undefined;
  };
  const unknown = hosts.filter(isUnknown);
  const late = lateDeliveries(cache, observed.nodes);
  if (unknown.length + late.length === 0) return cache;
  const nodes = [...observed.nodes.values()];
  // Where no kubelet reports images, nothing can be known.
  if (isOpening && nodes.every((node) => node === undefined || node.images.size === 0)) return cache;
  const delivered = deliveredTo(nodes, unknown);
  const pulled = new Set(isOpening ? [...provenImages(before)].map(registryOf) : []);
  const registries = { ...known };
  for (const host of unknown) {
    const use = ownEntry(registries, host) ?? noUse;
    if (delivered.has(host) || pulled.has(host)) registries[host] = withoutTrial(use);
    else registries[host] = { ...use, triedUntil: use.triedUntil ?? roundDownToSecond(now) };
  }
  for (const host of late) registries[host] = withoutTrial(ownEntry(registries, host) ?? noUse);
  return withStatus(cache, {
    registries: Object.fromEntries(Object.entries(registries).filter(([, use]) => use !== noUse)),
  });
}

/** The registries on trial of which a node has an image by now that did not arrive there in time. */
function lateDeliveries({ status }: ImageCache, nodes: Observed['nodes']): readonly string[] {
  const onTrial = Object.keys(status.registries).filter((host) => status.registries[host]?.triedUntil !== undefined);
  if (onTrial.length === 0) return [];
  const arrived = Object.entries(status.failures).flatMap(([image, failures]) => {
    const hasIt = failures.some(
      (each) => isAbandoned(each) && nodes.get(each.node)?.images.has(normalisedReference(image)),
    );
    return hasIt ? [registryOf(image)] : [];
  });
  return onTrial.filter((host) => arrived.includes(host));
}

/** The registries of all images that nodes must have. */
export const hostsOf = (desired: DesiredByHash): readonly string[] => [
  ...new Set([...desired.values()].flatMap(({ images }) => images.map(registryOf))),
];

/** Those of these registries of which a node reports an image. */
function deliveredTo(nodes: readonly (Node | undefined)[], hosts: readonly string[]): ReadonlySet<string> {
  const missing = new Set(hosts);
  const removeDelivered = (image: string): void => {
    for (const host of missing) if (image.startsWith(`${host}/`)) missing.delete(host);
  };
  for (const node of nodes) if (missing.size > 0) node?.images.forEach(removeDelivered);
  return new Set(hosts.filter((host) => !missing.has(host)));
}

/** What the nodes of a cache do at a registry. */
export type Trial = {
  /** Nodes that pull from it now. */
  readonly trying: number;
  /** Nodes that are about to pull again: no other one takes their places between two attempts. */
  readonly repeating: number;
  /** Nodes whose kubelet reported why it got no image: the registry does not keep them waiting. */
  readonly reported: number;
};

const noTrial: Trial = { trying: 0, repeating: 0, reported: 0 };

/** By registry; one that is missing does nothing there. */
export function trialsAt(
  hosts: ReadonlySet<string>,
  { status }: ImageCache,
  desired: DesiredByHash,
): ReadonlyMap<string, Trial> {
  const trials = new Map<string, Trial>();
  if (hosts.size === 0) return trials;
  const images = new Map([...desired].map(([hash, each]) => [hash, imagesByRegistry(each, hosts)]));
  for (const [name, entry] of Object.entries(status.nodes))
    for (const [host, own] of images.get(entry.desiredHash) ?? []) {
      const { trying, repeating, reported } = trials.get(host) ?? noTrial;
      const hasUnfinished = own.some(({ index }) => isUnfinished(entry, index));
      const isTrying = hasUnfinished && entry.state === 'Pulling';
      const isRepeating = hasUnfinished && entry.state === 'Pending' && entry.attempt > 0;
      const hasReported = own.some(
        ({ index, image }) => isReported(entry, index) && !wasAbandoned(status, image, name),
      );
      trials.set(host, {
        trying: trying + Number(isTrying),
        repeating: repeating + Number(isRepeating),
        reported: reported + Number(hasReported),
      });
    }
  return trials;
}

type Indexed = { readonly index: number; readonly image: string };

const imagesByRegistry = (
  { images }: DesiredImages,
  hosts: ReadonlySet<string>,
): ReadonlyMap<string, readonly Indexed[]> =>
  Map.groupBy(
    images.map((image, index) => ({ index, image })).filter(({ image }) => hosts.has(registryOf(image))),
    ({ image }) => registryOf(image),
  );

const isReported = (entry: LedgerEntry, index: number): boolean =>
  isFailingOn(entry, index) || (isFailed(entry, index) && !isUntried(entry, index));

const wasAbandoned = ({ failures }: Pick<Status, 'failures'>, image: string, node: string): boolean =>
  (ownEntry(failures, image) ?? []).some((failure) => failure.node === node && isAbandoned(failure));

/** How many more nodes may pull from a registry on trial: one, and one more for each that it has answered. */
export const placesOnTrial = ({ trying, repeating, reported } = noTrial): number =>
  Math.max(0, 1 + reported - trying - repeating);

/** Milliseconds. */
const observationTime = 60_000;

/** Records until when a node may pull from a registry on trial: other caches of the namespace wait for it. */
export function withTrial(
  use: RegistryUse,
  { trying, repeating }: Trial | undefined = noTrial,
  cache: ImageCache,
  { settings, now }: World,
): RegistryUse {
  const { triedUntil } = use;
  const isTried = trying + repeating > 0;
  if (triedUntil === undefined || isTried === triedUntil > now) return use;
  // Both attempts of a node, and what it takes to observe their ends.
  const longest = Math.min(longestUse, 2 * pullDeadline(cache, settings) + observationTime);
  return { ...use, triedUntil: isTried ? roundUpToSecond(now + longest) : roundDownToSecond(now) };
}
