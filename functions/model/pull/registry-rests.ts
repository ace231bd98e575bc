import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { isUnsettled } from '#model/cache/ledger.ts';
import {
  type RateLimit,
  type RegistryUse,
  type RegistryUses,
  type OtherRest,
  longestUse,
  noUse,
  wholeSeconds,
} from '#model/cache/registry-use.ts';
import { namesCredentials } from '#model/desired/access.ts';
import type { DesiredByHash } from '#model/desired/desired-images.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { World } from '#model/world.ts';
import { costOf } from './registry-cost.ts';

/** The length of a first rest for which the registry names none, and the bounds of all, in milliseconds. */
export const restBounds = { first: 300_000, least: 60_000, most: longestUse } as const;

/** How many of the pulls that a registry reports as left nodes leave to others, such as Pods of users. */
const reservedPulls = 10;

/** The result of a node at a registry: it throttles, or, without `throttled`, it answered. */
export type RegistryFinding = {
  readonly host: string;
  /** `ms`: the delay that it asks for. `isAlone`: the rest does not apply to other namespaces. */
  readonly throttled?: Throttled;
};

type Throttled = { readonly ms: number | undefined; readonly isAlone: boolean };

/** Begins the rests that registries asked for, and ends those after which a node has pulled. */
export function withFindings(cache: ImageCache, findings: readonly RegistryFinding[], now: number): ImageCache {
  if (findings.length === 0) return cache;
  let { registries } = cache.status;
  for (const { host, throttled } of findings) {
    const use = ownEntry(registries, host) ?? noUse;
    if (throttled !== undefined) registries = { ...registries, [host]: rested(use, throttled, now) };
    else if (use.restsUntil !== undefined && use.restsUntil <= now)
      registries = { ...registries, [host]: { ...use, ...noRest } };
  }
  return registries === cache.status.registries ? cache : withStatus(cache, { registries });
}

const noRest = { restsUntil: undefined, restSeconds: 0, restsAlone: false, restsByAnswer: false } as const;

/** One rest for all nodes that are throttled at the same time; each further one is twice as long. */
function rested(use: RegistryUse, { ms, isAlone }: Throttled, now: number): RegistryUse {
  if ((use.restsUntil ?? 0) > now) return use.restsAlone && !isAlone ? { ...use, restsAlone: false } : use;
  return restsFor(boundedRest(use, ms), { ...use, restsAlone: isAlone, restsByAnswer: false }, now);
}

const restsFor = (ms: number, use: RegistryUse, now: number): RegistryUse => ({
  ...use,
  restsUntil: wholeSeconds(now + ms),
  restSeconds: Math.ceil(ms / 1000),
});

function boundedRest(use: RegistryUse, asked: number | undefined): number {
  const usual = use.restsUntil === undefined ? restBounds.first : use.restSeconds * 2000;
  return Math.min(restBounds.most, Math.max(restBounds.least, asked ?? usual));
}

/** Nodes that waited for a rest which others found try the registry one by one, too. */
export function withRest(use: RegistryUse, rest: OtherRest | undefined, now: number): RegistryUse {
  if (rest === undefined || rest.restsUntil <= now || rest.restsUntil <= (use.restsUntil ?? 0)) return use;
  return { ...use, ...rest, restSeconds: Math.max(rest.restSeconds, use.restSeconds) };
}

/** Begins a rest until the limit is reset if fewer pulls are left than a node needs. */
export function withoutPullsLeft(use: RegistryUse, cost: number, now: number): RegistryUse {
  const { pullsLeft = Infinity, pullsLeftUntil = 0 } = use;
  if (pullsLeftUntil <= now || pullsLeft >= cost) return use;
  return restsFor(pullsLeftUntil - now, { ...use, ...nothingSaid }, now);
}

const nothingSaid = { pullsLeft: undefined, pullsLeftUntil: undefined } as const;

/**
 * Applies the limits that registries reported when digests were resolved, if nodes need them: one that throttles rests, and
 * no more is pulled from the others than they report as left. Applied when the round opens, and when a rest is over.
 */
export function withLimits(world: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const { before, settings, otherRegistryUse, now } = world;
  const limits = limitsIn(world);
  if (limits.size === 0) return cache;
  const isOpening = before.status.round?.number !== cache.status.round?.number;
  const hasCredentials = namesCredentials(cache, settings);
  const needs = needsOf(cache, desired);
  let { registries } = cache.status;
  for (const [host, limit] of limits) {
    const use = ownEntry(registries, host) ?? noUse;
    const need = needs.get(host);
    const isDue = isOpening || (use.restsUntil ?? Infinity) <= now;
    // The limit of a request without login does not apply to nodes with one. A rest that other caches began is not prolonged.
    const isOther = (hasCredentials && !limit.hasLogin) || otherRegistryUse.get(host)?.rest !== undefined;
    if (isDue && !isOther && need !== undefined)
      registries = { ...registries, [host]: limitedUse(use, { limit, need, now }) };
  }
  return withStatus(cache, { registries: withoutUnused(registries) });
}

/** Drops entries without any information. */
const withoutUnused = (registries: RegistryUses): RegistryUses =>
  Object.fromEntries(Object.entries(registries).filter(([, use]) => use !== noUse));

/** How many manifests nodes need from a registry: all of them, and the one that needs the fewest. */
type Need = { readonly all: number; readonly least: number };

type Limited = { readonly limit: RateLimit; readonly need: Need; readonly now: number };

/** The limit applies to this namespace only, as the answer of a registry may depend on the image. */
function limitedUse(use: RegistryUse, { limit: { left, ms }, need, now }: Limited): RegistryUse {
  // A window that is shorter than any rest is over before it matters.
  if (left > 0 && ms !== undefined && ms < restBounds.least) return use;
  // The limit may be that of this process only: after one rest for it, a node tries the registry regardless of the answer.
  const mustTry = use.restsByAnswer && (use.restsUntil ?? Infinity) <= now;
  if ((use.restsUntil ?? 0) > now || (mustTry && left < need.least)) return use;
  const pullsLeft = Math.max(left - reservedPulls, mustTry ? need.least : 0);
  if (pullsLeft === 0) return { ...rested(use, { ms, isAlone: true }, now), restsByAnswer: true };
  const served = use === noUse ? use : { ...use, ...noRest, ...nothingSaid };
  if (pullsLeft >= need.all) return served;
  const pullsLeftUntil = wholeSeconds(now + boundedRest(use, ms));
  return { ...served, restsAlone: true, restsByAnswer: true, pullsLeft, pullsLeftUntil };
}

/** The tightest limit that each registry named. */
function limitsIn({ resolutions }: World): ReadonlyMap<string, RateLimit> {
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
    for (const [host, cost] of costOf(entry, desired.get(entry.desiredHash))) {
      const { all, least } = needs.get(host) ?? { all: 0, least: Infinity };
      needs.set(host, { all: all + cost, least: Math.min(least, cost) });
    }
  return needs;
}
