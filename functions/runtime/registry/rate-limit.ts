import type { IncomingHttpHeaders } from 'node:http';
import type { RateLimit } from '#model/cache/registry-use.ts';

/** How many pulls an answer reports as left, and for how many milliseconds. */
export type PullsLeft = Omit<RateLimit, 'hasLogin'>;

/**
 * Reads the limit that an answer names: `ratelimit-remaining: 76;w=21600` of Docker Hub, or the fields of the IETF drafts,
 * `RateLimit-Remaining` with `RateLimit-Reset`, and `RateLimit`; undefined if it names none.
 */
export function pullsLeftIn(headers: IncomingHttpHeaders): PullsLeft | undefined {
  const [remaining = '', reset = '', field = ''] = names.map((name) => [headers[name] ?? ''].flat().join(', '));
  const [, count, window] = /^\s*(\d{1,9})(?!\d)(?:\s*;\s*w=(\d{1,9})(?!\d))?/.exec(remaining) ?? [];
  if (count !== undefined) return pullsLeft(count, /^\s*(\d{1,9})(?!\d)/.exec(reset)?.[1] ?? window);
  const policies = [...field.matchAll(policy)].map(([, left = '', seconds]) => pullsLeft(left, seconds));
  return policies.toSorted((a, b) => a.left - b.left)[0];
}

const names = ['ratelimit-remaining', 'ratelimit-reset', 'ratelimit'] as const;

/** `limit=100, remaining=76, reset=50`, or for each policy `"default";r=76;t=50`. Longer numbers are no durations. */
const policy = /\b(?:r|remaining)=(\d{1,9})(?!\d)(?:\s*[;,]\s*(?:t|reset)=(\d{1,9})(?!\d))?/g;

const pullsLeft = (left: string, seconds: string | undefined): PullsLeft => ({
  left: Number(left),
  ms: seconds === undefined ? undefined : Number(seconds) * 1000,
});
