import { schedule, validateDetailed } from 'node-cron';
import type { Logger } from 'pino';
import { backoff, sleep, type Clock } from './clock.ts';
import { DeliveryFailed, DeliveryRefused } from './sink/sink.ts';

export type CronOptions = {
  /** Five cron fields, six with seconds, or a name such as `@hourly`. */
  readonly schedule: string;
  /** Sends one tick; the signal aborts it when the schedule is stopped. */
  readonly tick: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
};

export type Cron = {
  /** Starts no more ticks, aborts the running one, and resolves when it has ended. */
  readonly stop: () => Promise<void>;
};

/** Ticks on a cron schedule, one at a time: while a tick runs, the next one is skipped. */
export function startCron({ schedule: pattern, tick, clock, log }: CronOptions): Cron {
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const task = schedule(pattern, () => (running = tickPersistently(tick, { clock, log, signal: stopping.signal })), {
    name: 'tick',
    noOverlap: true,
    suppressMissedWarning: true,
    logger: quiet(log),
  });
  return {
    stop: async () => {
      stopping.abort();
      await task.destroy();
      await running;
    },
  };
}

/** Why a schedule is invalid; undefined if it is valid. */
export function wrongSchedule(pattern: string): string | undefined {
  const { valid, errors } = validateDetailed(pattern);
  if (valid) return undefined;
  return `schedule ${JSON.stringify(pattern)} is not a cron expression: ${errors.map(({ message }) => message).join('; ')}`;
}

type Persistence = { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal };

const attempts = 4;
const retry = { first: 1_000, most: 15_000 };
/** Milliseconds; a receiver that asks for more would keep the tick away for too long. */
const longestRetryAfter = 300_000;

/** Retries a failed tick a few times, no sooner than its receiver asks; after that the next tick does the same work. Never rejects. */
export async function tickPersistently(tick: CronOptions['tick'], { clock, log, signal }: Persistence): Promise<void> {
  for (let failures = 1; failures <= attempts; failures += 1) {
    const error = await tick(signal).then(
      () => undefined,
      (thrown: unknown) => thrown ?? new Error('unknown'),
    );
    if (error === undefined || signal.aborted) return;
    log.warn({ failures, err: error }, 'tick failed');
    if (error instanceof DeliveryRefused || failures === attempts) return;
    await sleep(Math.max(backoff(failures, clock.random(), retry), retryAfterOf(error)), clock, signal);
    if (isAborted(signal)) return;
  }
}

const retryAfterOf = (error: unknown): number =>
  error instanceof DeliveryFailed ? Math.min(error.retryAfterMs ?? 0, longestRetryAfter) : 0;

const isAborted = (signal: AbortSignal): boolean => signal.aborted;

/** Replaces node-cron's own logger, which writes to the console. */
const quiet = (log: Logger): { info: Log; warn: Log; error: Log; debug: Log } => ({
  info: (message) => log.debug({ cron: String(message) }, 'cron'),
  warn: (message) => log.warn({ cron: String(message) }, 'cron'),
  error: (message) => log.error({ cron: String(message) }, 'cron'),
  debug: (message) => log.debug({ cron: String(message) }, 'cron'),
});
type Log = (message: string | Error) => void;
