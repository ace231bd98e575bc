import type { ResolvedDigest } from './resolved-digest.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/** What is known of an image that may move. The digest is the registry's word, never a kubelet's: those may tell that of one platform. */
export type KnownDigest = {
  /** What the registry last said the image stands for; '' if it never did. A node that is Ready has asked for it since. */
  readonly digest: string;
  /** Why the latest round had no digest from the registry; '' if it had. */
  readonly unresolvedReason: string;
  /** A node reported another digest than the registry: the image moved in between, or they count differently. */
  readonly hasMismatch: boolean;
  /** When nodes last had to pull without knowing whether it is needed; epoch milliseconds. */
  readonly lastUnresolvedPull: number | undefined;
};

export const unknownDigest: KnownDigest = {
  digest: '',
  unresolvedReason: '',
  hasMismatch: false,
  lastUnresolvedPull: undefined,
};

/** Milliseconds from one pull on suspicion to the next. An hour, less what a schedule and its ticks may be apart. */
const leastApart = 55 * 60_000;

/** Whether nodes are to pull although nobody knows whether they need to: always when a user asks, else about once an hour. */
export const mayPullUnresolved = ({ lastUnresolvedPull }: KnownDigest, isAskedFor: boolean, now: number): boolean =>
  isAskedFor || lastUnresolvedPull === undefined || now - lastUnresolvedPull >= leastApart;

/** What is known after the registry has spoken, and nodes were told to pull on suspicion or were left in doubt. */
export function nextKnownDigest(
  word: ResolvedDigest,
  known: KnownDigest,
  { suspected, doubted, now }: { readonly suspected: boolean; readonly doubted: boolean; readonly now: number },
): KnownDigest {
  const lastUnresolvedPull = suspected ? now : known.lastUnresolvedPull;
  if (word.type === 'digest')
    return { digest: word.digest, unresolvedReason: '', hasMismatch: doubted, lastUnresolvedPull };
  const reason = word.type === 'unknown' ? word.reason : known.digest === '' ? hidden : gone;
  return { ...known, unresolvedReason: reason.slice(0, longestReason), lastUnresolvedPull };
}

const longestReason = 256;
const gone = 'the registry does not have it any more: nodes keep what they have';
const hidden = 'the registry does not have it, or does not show it without a login';

/** The same with the digests that a kubelet reported for what it pulled: one that differs raises a doubt. */
export function withReportedDigests(
  resolved: Readonly<Record<string, KnownDigest>>,
  reported: Readonly<Record<string, string>>,
): Readonly<Record<string, KnownDigest>> {
  const doubted = Object.entries(reported).flatMap(([image, digest]) => {
    const known = ownEntry(resolved, image);
    const differs = known !== undefined && known.digest !== '' && known.digest !== digest;
    return differs ? [[image, { ...known, hasMismatch: true }] as const] : [];
  });
  return doubted.length === 0 ? resolved : { ...resolved, ...Object.fromEntries(doubted) };
}
