import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { sleep, type Clock } from '../clock.ts';
import { createHold, type Hold } from './lease-hold.ts';

export type LeaseOptions = {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  /** Default `imagecache-functions-source`. */
  readonly name?: string;
  /** Identity of this process; the same after a restart, so that it does not wait for itself. */
  readonly identity: string;
  readonly times?: LeaseTimes;
  /** Receives after each try whether any process leads, or may lead next. */
  readonly onTry?: (canBeLed: boolean) => void;
};

/** Milliseconds. */
export type LeaseTimes = {
  /** Until others may take a Lease that is not renewed. Default 15,000. */
  readonly duration: number;
  /** How long a holder leads without a renewal; shorter than the duration, so that two never lead at once. Default 10,000. */
  readonly renewDeadline: number;
  /** Between two tries. Default 2,000. */
  readonly retry: number;
};

const defaultTimes: LeaseTimes = { duration: 15_000, renewDeadline: 10_000, retry: 2_000 };

/** Runs one term. The signal aborts when the Lease is lost or the process stops: start nothing then, and return soon. */
export type Lead = (leading: AbortSignal) => Promise<void>;

/** Runs `lead` while this process holds the Lease, again after each acquisition, until `signal` aborts; then releases the Lease. */
export async function whileLeading(options: LeaseOptions, signal: AbortSignal, lead: Lead): Promise<void> {
  const { clock, log, identity, name = 'imagecache-functions-source', times = defaultTimes } = options;
  const hold = createHold({ ...options, name, duration: times.duration });
  while (!signal.aborted) {
    const leads = await hold.take(times.renewDeadline);
    options.onTry?.(hold.canBeLed());
    if (!leads) {
      // No longer than until the Lease expires: the cluster has no leader from then on.
      const retry = times.retry * (1 + clock.random() / 5);
      await sleep(Math.min(retry, hold.expiresIn() || retry), clock, signal);
      continue;
    }
    log.info({ identity }, 'leading');
    await leadOnce(hold, { clock, log, times }, { signal, lead });
    log.info({ identity }, 'stopped leading');
  }
}

type Term = { readonly clock: Clock; readonly log: Logger; readonly times: LeaseTimes };

/** Renews until `lead` has ended, so that the Lease also covers what it finishes after a stop. */
async function leadOnce(hold: Hold, term: Term, { signal, lead }: { signal: AbortSignal; lead: Lead }): Promise<void> {
  const lost = new AbortController();
  const ended = new AbortController();
  const work = lead(AbortSignal.any([signal, lost.signal])).finally(() => {
    ended.abort();
  });
  await Promise.all([work, renew(hold, term, { lost, ended: ended.signal })]);
  if (!lost.signal.aborted) await hold.release(term.times.renewDeadline);
}

async function renew(
  hold: Hold,
  { clock, log, times }: Term,
  { lost, ended }: { lost: AbortController; ended: AbortSignal },
): Promise<void> {
  let renewedAt = clock.now();
  const isOver = (): boolean => ended.aborted || lost.signal.aborted;
  while (!isOver()) {
    await sleep(times.retry, clock, ended);
    if (isOver()) return;
    const began = clock.now();
    if (await hold.take(Math.max(0, renewedAt + times.renewDeadline - began))) renewedAt = began;
    else if (hold.isTaken() || clock.now() >= renewedAt + times.renewDeadline) {
      log.error('lease lost');
      lost.abort();
    }
  }
}
