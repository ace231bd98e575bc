import * as z from 'zod/mini';
import { spareReasons } from '#model/cache/removal-ledger.ts';

/**
 * What a removal Job has to do on its node. References are compared normalised. An image is removed with all its names, and
 * only if each of them is listed for removal.
 */
export type RemovalOrder = {
  readonly remove: readonly string[];
  /** What other caches want on this node: stays, and so does all that shares an id with it. */
  readonly keep: readonly string[];
};

const reference = z.string();
const outcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('failed'), image: reference, message: z.string() }),
  z.object({ outcome: z.literal('spared'), image: reference, reason: z.enum(spareReasons), by: z.string() }),
  z.object({ outcome: z.literal('removed'), image: reference, bytes: z.number() }),
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

/** What a removal Pod reports at its end, as JSON in its termination message. */
export type RemovalResult = z.infer<typeof result>;

/** The most that a kubelet accepts from a container; of a longer text it keeps the end only. */
const longestMessage = 4096;
const longestText = 256;

/** Puts the outcomes together. Those that may need action come first, as a message may not have space for all. */
export function removalResult(runtime: string, outcomes: readonly RemovalOutcome[]): RemovalResult {
  const { failed = [], spared = [], removed = [], absent = [] } = Object.groupBy(outcomes, ({ outcome: kind }) => kind);
  return {
    runtime,
    freedBytes: removed.reduce((sum, image) => sum + ('bytes' in image ? image.bytes : 0), 0),
    counts: { removed: removed.length, absent: absent.length, spared: spared.length, failed: failed.length },
    images: [...failed, ...spared, ...removed, ...absent].map(shortened),
    omitted: 0,
    error: '',
  };
}

/** The result of a removal that could not begin: all images have failed for one reason. */
export function failedRemoval(message: string, requested: number): RemovalResult {
  return {
    ...removalResult('', []),
    counts: { removed: 0, absent: 0, spared: 0, failed: requested },
    error: short(message),
  };
}

/** The termination message: JSON of 4096 bytes at most, with as many of the first outcomes as fit. */
export function terminationMessage(removal: RemovalResult): string {
  for (let kept = removal.images.length; kept >= 0; kept -= 1) {
    const images = removal.images.slice(0, kept);
    const message = JSON.stringify({ ...removal, images, omitted: removal.omitted + removal.images.length - kept });
    if (new TextEncoder().encode(message).length <= longestMessage) return message;
  }
  return '';
}

/** Parses a termination message; undefined if the Pod ended before it wrote one, or admission has changed its container. */
export function parseRemovalResult(message: string): RemovalResult | undefined {
  try {
    const parsed = result.safeParse(JSON.parse(message));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function shortened(image: RemovalOutcome): RemovalOutcome {
  if (image.outcome === 'failed') return { ...image, message: short(image.message) };
  if (image.outcome === 'spared') return { ...image, by: short(image.by) };
  return image;
}

const short = (text: string): string => (text.length <= longestText ? text : `${text.slice(0, longestText - 1)}…`);
