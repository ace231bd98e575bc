import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { RateLimit } from './registry-use.ts';

/** What a registry answers to a request for an image without credentials. */
export const anonymousPulls = ['Allowed', 'Denied'] as const;
export type AnonymousPull = (typeof anonymousPulls)[number];

/** By normalised reference, so that another spelling is the same image; images of which nothing is known are absent. */
export type AnonymousPulls = Readonly<Record<string, AnonymousPull>>;

/** What is known of an image; undefined if nothing is. */
export const anonymousPullOf = (pulls: AnonymousPulls, image: string): AnonymousPull | undefined =>
  ownEntry(pulls, normalisedReference(image));

/** A registry's answer for a reference. `unknown` is no answer and says nothing about the image. */
export type ResolvedDigest = (
  | { readonly type: 'digest'; readonly digest: string }
  | { readonly type: 'absent' }
  /** `reason` is a sentence without secrets. */
  | { readonly type: 'unknown'; readonly reason: string }
) & {
  /** What the registry reported about its limit. */
  readonly limit?: RateLimit;
};

/** By normalised reference. References that were not resolved are absent. */
export type Resolutions = ReadonlyMap<string, ResolvedDigest>;

/** What is known about a moving image. The digest comes from the registry: kubelets may report that of one platform. */
export type KnownDigest = {
  /**
   * Digest that the registry returned last; '' before the first. Every node that is Ready has pulled or verified the
   * image since.
   */
  readonly digest: string;
  /** Why the registry returned no digest in the latest round; '' if it did. */
  readonly unresolvedReason: string;
  /**
   * A node reported another digest than the registry: the image moved in between, or the runtime counts differently.
   */
  readonly hasMismatch: boolean;
  /** When nodes last pulled the image although its digest was unresolved; epoch milliseconds. */
  readonly lastUnresolvedPull: number | undefined;
};

export const unknownDigest: KnownDigest = {
  digest: '',
  unresolvedReason: '',
  hasMismatch: false,
  lastUnresolvedPull: undefined,
};

/**
 * Minimum time between pulls of an unresolved image, in milliseconds: an hour, less the jitter of schedules and ticks.
 */
const unresolvedPullInterval = 55 * 60_000;

/**
 * Whether nodes may pull an image whose digest is unresolved: always if a user requested the round, otherwise about
 * once an hour.
 */
export const mayPullUnresolved = (
  { lastUnresolvedPull }: KnownDigest,
  { isRequested, now }: { readonly isRequested: boolean; readonly now: number },
): boolean => isRequested || lastUnresolvedPull === undefined || now - lastUnresolvedPull >= unresolvedPullInterval;

/** What a refresh decided about a moving image. */
export type RefreshOutcome = {
  /** Nodes pull it although its digest is unresolved or doubtful. */
  readonly pullsUnresolved: boolean;
  /** A mismatch was found and is not yet settled by a pull. */
  readonly hasMismatch: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
};

/** What is known about an image after the registry was asked. */
export function nextKnownDigest(
  resolved: ResolvedDigest,
  known: KnownDigest,
  { pullsUnresolved, hasMismatch, now }: RefreshOutcome,
): KnownDigest {
  const lastUnresolvedPull = pullsUnresolved ? now : known.lastUnresolvedPull;
  if (resolved.type === 'digest')
    return { digest: resolved.digest, unresolvedReason: '', hasMismatch, lastUnresolvedPull };
  const reason = resolved.type === 'unknown' ? resolved.reason : known.digest === '' ? notFound : noLongerFound;
  return { ...known, unresolvedReason: reason.slice(0, maxReasonLength), lastUnresolvedPull };
}

const maxReasonLength = 256;
const noLongerFound = 'the registry no longer has the image: nodes keep the one they have';
const notFound = 'the registry does not have the image, or does not show it without credentials';

/** Marks the images of which a kubelet reported another digest than the registry. */
export function withReportedDigests(
  knownDigests: Readonly<Record<string, KnownDigest>>,
  reported: Readonly<Record<string, string>>,
): Readonly<Record<string, KnownDigest>> {
  const mismatches = Object.entries(reported).flatMap(([image, digest]) => {
    const known = ownEntry(knownDigests, image);
    const differs = known !== undefined && known.digest !== '' && known.digest !== digest;
    return differs ? [[image, { ...known, hasMismatch: true }] as const] : [];
  });
  return mismatches.length === 0 ? knownDigests : { ...knownDigests, ...Object.fromEntries(mismatches) };
}
