import { setTimeout as sleep } from 'node:timers/promises';

/** One image for one node: kube-fledged creates a Job for each. */
export type Order = { readonly image: string; readonly node: string };

export type Result = Order & { readonly job: string; readonly status: 'created' | 'succeeded' | 'failed' };

/** In kube-fledged's order: node by node, image by image. */
export const ordersFor = (nodes: readonly string[], images: readonly string[]): readonly Order[] =>
  nodes.flatMap((node) => images.map((image) => ({ image, node })));

/** Whether no Job is open, or the deadline has passed. */
export const isOver = (results: readonly Result[], waited: number, deadline: number): boolean =>
  waited >= deadline || results.every(({ status }) => status !== 'created');

/** The status that an operation ends with. What is still open when it ends has failed. */
export function finalStatus(results: readonly Result[]): { readonly status: string; readonly message: string } {
  if (results.length === 0)
    return {
      status: 'NoImagesPulledOrDeleted',
      message: 'No images were pulled or deleted because nodeSelector specified did not match any nodes',
    };
  if (results.some(({ status }) => status !== 'succeeded'))
    return { status: 'Failed', message: 'Image pull failed for some images. Please see "failures" section' };
  return { status: 'Succeeded', message: 'All requested images pulled succesfully to respective nodes' };
}

/** The status of a Job by its Pod's phase; created until the Pod has ended. */
export function statusOf(phase: string | undefined): Result['status'] {
  if (phase === 'Succeeded') return 'succeeded';
  return phase === 'Failed' ? 'failed' : 'created';
}

/** client-go's token bucket: `burst` at once, then `perSecond`. `tokens` below 0 are reserved for waiting requests. */
export type Bucket = { readonly tokens: number; readonly at: number };

export type Rate = { readonly perSecond: number; readonly burst: number };

/** client-go's default rate, which kube-fledged uses. */
export const clientRate: Rate = { perSecond: 5, burst: 10 };

export const fullBucket = ({ burst }: Rate, now: number): Bucket => ({ tokens: burst, at: now });

/** Takes one token; `wait` is the milliseconds until it may be used. */
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
