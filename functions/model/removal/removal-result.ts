import * as z from 'zod/mini';
import { spareReasons } from '#model/cache/removal-ledger.ts';

/** What a removal Job is asked to do on its node. References are compared normalised. */
export type RemovalOrder = {
  readonly remove: readonly string[];
  /** What other caches want on this node: stays, and so does all that shares an id with it. */
  readonly keep: readonly string[];
  /** `any` removes an image with all its names if no cache wants one; `own` only if all its names are listed for removal. */
  readonly purge: 'any' | 'own';
};

const reference = z.string();
const outcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('failed'), image: reference, message: z.string() }),
  z.object({ outcome: z.literal('spared'), image: reference, reason: z.enum(spareReasons), by: z.string() }),
  /** `also`: other names, not asked for, that went with it. */
  z.object({ outcome: z.literal('removed'), image: reference, bytes: z.number(), also: z.string() }),
  z.object({ outcome: z.literal('absent'), image: reference }),
]);

const count = z.number().check(z.int(), z.minimum(0));
const result = z.object({
  /** Name and version of the runtime; '' if it was not reached. */
  runtime: z.string(),
  /** Sum of the sizes of what was removed, by the runtime's count. */
  freedBytes: count,
  counts: z.object({ removed: count, absent: count, spared: count, failed: count }),
  /** What became of each reference; those that did not fit are only counted. */
  images: z.array(outcome),
  omitted: count,
  /** Why nothing was done at all; '' otherwise. */
  error: z.string(),
});

/** What became of one reference. */
export type RemovalOutcome = z.infer<typeof outcome>;

/** What a removal Pod says at its end, as JSON in its termination message. */
export type RemovalResult = z.infer<typeof result>;

/** As much as a kubelet takes from a container; of a longer text it would take the end only. */
const longestMessage = 4096;
const longestText = 256;

/** Puts the outcomes together, those first that somebody may have to act on. */
export function removalResult(runtime: string, outcomes: readonly RemovalOutcome[]): RemovalResult {
  const of = (kind: RemovalOutcome['outcome']): readonly RemovalOutcome[] =>
    outcomes.filter((each) => each.outcome === kind);
  const [failed, spared, removed, absent] = [of('failed'), of('spared'), of('removed'), of('absent')];
  return {
    runtime,
    freedBytes: outcomes.reduce((sum, each) => sum + (each.outcome === 'removed' ? each.bytes : 0), 0),
    counts: { removed: removed.length, absent: absent.length, spared: spared.length, failed: failed.length },
    images: [...failed, ...spared, ...removed, ...absent].map(shortened),
    omitted: 0,
    error: '',
  };
}

/** The result of a removal that could not begin: everything asked for has failed, for one reason. */
export function failedRemoval(message: string, asked: number): RemovalResult {
  return {
    ...removalResult('', []),
    counts: { removed: 0, absent: 0, spared: 0, failed: asked },
    error: short(message),
  };
}

/** The termination message: JSON of 4096 bytes at the most, with as many outcomes as fit, counted from the first. */
export function terminationMessage(removal: RemovalResult): string {
  for (let kept = removal.images.length; kept >= 0; kept -= 1) {
    const images = removal.images.slice(0, kept);
    const message = JSON.stringify({ ...removal, images, omitted: removal.omitted + removal.images.length - kept });
    if (new TextEncoder().encode(message).length <= longestMessage) return message;
  }
  return '';
}

/** Reads a termination message; undefined for a Pod that ended before it had one, or that an admission made another. */
export function parseRemovalResult(message: string): RemovalResult | undefined {
  try {
    const parsed = result.safeParse(JSON.parse(message));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function shortened(each: RemovalOutcome): RemovalOutcome {
  if (each.outcome === 'failed') return { ...each, message: short(each.message) };
  if (each.outcome === 'removed') return { ...each, also: short(each.also) };
  if (each.outcome === 'spared') return { ...each, by: short(each.by) };
  return each;
}

const short = (text: string): string => (text.length <= longestText ? text : `${text.slice(0, longestText - 1)}…`);
