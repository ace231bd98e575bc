import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import { type RateLimit, type RegistryUse, type OtherRest, longestUse, noUse } from '#model/cache/registry-use.ts';
import type { Resolutions } from '#model/cache/image-answers.ts';
import { namesCredentials } from '#model/desired/access.ts';
import { type DesiredByHash, pendingImages } from '#model/desired/desired-images.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { roundDownToSecond, roundUpToSecond } from '#model/text/times.ts';
import type { World } from '#model/world.ts';

/** The result of a node at a registry: it throttles, or, without `throttled`, it answered. */
export type RegistryFinding = {
  readonly host: string;
  /** An image of it is on the node. */
  readonly delivered?: true;
  /** It kept the node waiting until the deadline. */
  readonly abandoned?: true;
  /** `ms`: the delay that it asks for. `isAlone`: the rest does not apply to other namespaces. */
  readonly throttled?: { readonly ms: number | undefined; readonly isAlone: boolean };
};

/** Begins the rests that registries asked for, and ends those after which a node has pulled. */
export function withFindings(cache: ImageCache, findings: readonly RegistryFinding[], now: number): ImageCache {
  const registries = { ...cache.status.registries };
  for (const finding of findings) {
    const { host, throttled, abandoned = false } = finding;
    const use = ownEntry(registries, host) ?? noUse;
    if (throttled !== undefined) registries[host] = throttledUse(use, throttled.ms, throttled.isAlone, now);
    else if (use.triedUntil !== undefined || abandoned) registries[host] = triedUse(use, finding, now);
    else if (use.restsUntil !== undefined && use.restsUntil <= now) registries[host] = { ...use, ...noRest };
  }
  return findings.length === 0 ? cache : withStatus(cache, { registries });
}

/**
 * On trial, only a delivery ends a rest. One that kept a node waiting rests for the namespace, which chose it, and is on trial
 * whatever it delivered before.
 */
function triedUse(use: RegistryUse, { delivered, abandoned }: RegistryFinding, now: number): RegistryUse {
  if (delivered) return withoutTrial(use);
  if (!abandoned) return use;
  return { ...throttledUse(use, undefined, true, now), triedUntil: use.triedUntil ?? roundDownToSecond(now) };
}

/** The registry has delivered. */
export const withoutTrial = (use: RegistryUse): RegistryUse =>
  use.triedUntil === undefined ? use : { ...use, ...noRest, triedUntil: undefined };

const noRest = { restsUntil: undefined, restSeconds: 0, restsAlone: false, restsByAnswer: false } as const;

/** One rest for all nodes that are throttled at the same time; each further one is twice as long. */
function throttledUse(use: RegistryUse, ms: number | undefined, isAlone: boolean, now: number): RegistryUse {
  if ((use.restsUntil ?? 0) > now) return use.restsAlone && !isAlone ? { ...use, restsAlone: false } : use;
  return { ...withRest(use, restOf(use, ms), now), restsAlone: isAlone, restsByAnswer: false };
}

const withRest = (use: RegistryUse, ms: number, now: number): RegistryUse => ({
  ...use,
  restsUntil: roundUpToSecond(now + ms),
  restSeconds: Math.ceil(ms / 1000),
});

/** The length of a first rest for which the registry names none, in milliseconds. */
const firstRest = 300_000;

export const shortestRest = 60_000;

/** How long a registry rests that asks for this delay, if it names one. */
function restOf({ restsUntil, restSeconds }: RegistryUse, asked: number | undefined): number {
  const usual = restsUntil === undefined ? firstRest : restSeconds * 2000;
  return Math.min(longestUse, Math.max(shortestRest, asked ?? usual));
}

/** Nodes that waited for a rest which others found try the registry one by one, too. */
export function withOtherRest(use: RegistryUse, rest: OtherRest | undefined, now: number): RegistryUse {
  if (rest === undefined || rest.restsUntil <= now || rest.restsUntil <= (use.restsUntil ?? 0)) return use;
  return { ...use, ...rest, restSeconds: Math.max(rest.restSeconds, use.restSeconds) };
}

/** Begins a rest until the limit is reset if fewer pulls are left than a node needs. */
export function withRestUntilReset(use: RegistryUse, needed: number, now: number): RegistryUse {
  const { pullsLeft = Infinity, pullsLeftUntil = 0 } = use;
  if (pullsLeftUntil <= now || pullsLeft >= needed) return use;
  return withRest({ ...use, ...noPullsLeft }, pullsLeftUntil - now, now);
}

const noPullsLeft = { pullsLeft: undefined, pullsLeftUntil: undefined } as const;

/** How many of the pulls that a registry reports as left nodes leave to others, such as Pods of users. */
const reservedPulls = 10;

/**
 * Applies the limits that registries reported when digests were resolved, if nodes need them: one that throttles rests, and
 * no more is pulled from the others than they report as left. Applied when the round opens, and when a rest is over.
 */
export function withLimits(world: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const { before, settings, resolutions, otherRegistryUse, now } = world;
  const limits = tightestLimits(resolutions);
  if (limits.size === 0) return cache;
  const isOpening = before.status.round?.number !== cache.status.round?.number;
  const hasCredentials = namesCredentials(cache, settings);
  const needs = needsOf(cache, desired);
  const registries = { ...cache.status.registries };
  for (const [host, limit] of limits) {
    const use = ownEntry(registries, host) ?? noUse;
    const need = needs.get(host);
    const isDue = isOpening || (use.restsUntil ?? Infinity) <= now;
    // The limit of a request without login does not apply to nodes with one. A rest that other caches began is not prolonged.
    const isOther = (hasCredentials && !limit.hasLogin) || otherRegistryUse.get(host)?.rest !== undefined;
    const limited = isDue && !isOther && need !== undefined ? limitedUse(use, limit, need, now) : use;
    if (limited !== noUse) registries[host] = limited;
  }
  return withStatus(cache, { registries });
}

/** How many manifests nodes need from a registry: all of them, and the one that needs the fewest. */
type Need = { readonly all: number; readonly least: number };

/** The limit applies to this namespace only, as the answer of a registry may depend on the image. */
function limitedUse(use: RegistryUse, { left, ms }: RateLimit, need: Need, now: number): RegistryUse {
  // A window that is shorter than any rest is over before it matters.
  if (left > 0 && ms !== undefined && ms < shortestRest) return use;
  // The limit may be that of this process only: after one rest for it, a node tries the registry regardless of the answer.
  const mustTry = use.restsByAnswer && (use.restsUntil ?? Infinity) <= now;
  if ((use.restsUntil ?? 0) > now || (mustTry && left < need.least)) return use;
  const pullsLeft = Math.max(left - reservedPulls, mustTry ? need.least : 0);
  if (pullsLeft === 0) return { ...throttledUse(use, ms, true, now), restsByAnswer: true };
  const served = use === noUse ? use : { ...use, ...noRest, ...noPullsLeft };
  if (pullsLeft >= need.all) return served;
  const pullsLeftUntil = roundUpToSecond(now + restOf(use, ms));
  return { ...served, restsAlone: true, restsByAnswer: true, pullsLeft, pullsLeftUntil };
}

/** The tightest limit that each registry named. */
function tightestLimits(resolutions: Resolutions): ReadonlyMap<string, RateLimit> {
  const limits = new Map<string, RateLimit>();
  for (const [reference, { limit }] of resolutions) {
    const known = limits.get(registryOf(reference));
    if (limit !== undefined && limit.left < (known?.left ?? Infinity)) limits.set(registryOf(reference), limit);
  }
  return limits;
}

function needsOf({ status }: ImageCache, desired: DesiredByHash): ReadonlyMap<string, Need> {
  const needs = new Map<string, Need>();
  for (const entry of Object.values(status.nodes).filter(isUnsettled))
    for (const [host, count] of countByRegistry(pendingImages(entry, desired.get(entry.desiredHash)))) {
      const { all, least } = needs.get(host) ?? { all: 0, least: Infinity };
      needs.set(host, { all: all + count, least: Math.min(least, count) });
    }
  return needs;
}

/** How many manifests a node gets from each registry for these images. */
export const countByRegistry = (images: readonly string[]): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(images, registryOf)].map(([host, each]) => [host, each.length]));
