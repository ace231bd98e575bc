import { setTimeout as sleep } from 'node:timers/promises';

/** A bucket of tokens as client-go's: `burst` at once, then so many a second. `tokens` may be below 0: those are promised to whoever waits. */
export type Bucket = { readonly tokens: number; readonly at: number };

export type Rate = { readonly perSecond: number; readonly burst: number };

/** What client-go grants a client that asks for nothing else, and so kube-fledged. */
export const clientRate: Rate = { perSecond: 5, burst: 10 };

export const fullBucket = ({ burst }: Rate, now: number): Bucket => ({ tokens: burst, at: now });

/** Takes one token, and tells after how many milliseconds it may be used. */
export function taken(rate: Rate, bucket: Bucket, now: number): { readonly bucket: Bucket; readonly wait: number } {
  const grown = bucket.tokens + ((now - bucket.at) / 1000) * rate.perSecond;
  const tokens = Math.min(rate.burst, grown) - 1;
  return { bucket: { tokens, at: now }, wait: Math.max(0, (-tokens / rate.perSecond) * 1000) };
}

/** Resolves when the next request may be sent. */
export function limiter(rate: Rate): () => Promise<void> {
  let bucket = fullBucket(rate, performance.now());
  return async () => {
    const next = taken(rate, bucket, performance.now());
    bucket = next.bucket;
    if (next.wait > 0) await sleep(next.wait);
  };
}

/** Milliseconds after which the work queue hands out its nth item (from 0): a hundred at once, then ten a second. */
export const itemDelay = (index: number): number => Math.max(0, index - 99) * 100;
