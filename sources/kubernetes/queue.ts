import type { Logger } from 'pino';
import { backoff } from '../backoff.ts';
import type { Cancel, Clock } from '../clock.ts';
import { DeliveryFailed, DeliveryRefused } from '../sink.ts';
import { merged, type Batch } from './batch.ts';
import { createLane, isIdle, nextClass, wakeTime, type ChangeClass, type Lane, type Slot } from './lane.ts';

export type QueueOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws `DeliveryFailed` for what is to be tried again, `DeliveryRefused` for what never will be taken. */
  readonly deliver: (batch: Batch) => Promise<void>;
  /** Milliseconds between the end of one delivery of Job and Pod changes and the next, for one cache. */
  readonly gap: (key: string) => number;
  /** Whether the cache exists: of one that does not, only its own deletion is told. */
  readonly isKnown: (key: string) => boolean;
  /** Deliveries at once, over all caches. Default 16. */
  readonly concurrency?: number;
};

/** Keyed by cache: at most one delivery in flight for each, and what comes meanwhile is one more after it. */
export type Queue = {
  readonly add: (key: string, of: ChangeClass, batch: Batch) => void;
  /** Adds after so many milliseconds what `make` then returns, if anything. */
  readonly later: (ms: number, key: string, make: () => { of: ChangeClass; batch: Batch } | undefined) => void;
  /** Begins to deliver; until then changes only gather. */
  readonly open: () => void;
  /** Delivers nothing more, and resolves when what is in flight has ended. */
  readonly stop: () => Promise<void>;
  /** Batches that wait. */
  readonly depth: () => number;
  /** Milliseconds that the longest-waiting batch has waited; 0 when none waits. */
  readonly age: () => number;
};

const retry = { first: 200, most: 30_000 };

export function createQueue(options: QueueOptions): Queue {
  const { clock, concurrency = 16 } = options;
  const lanes = new Map<string, Lane>();
  const ready = new Set<Lane>();
  const inFlight = new Set<Promise<void>>();
  const timers = new Set<Cancel>();
  let state: 'gathering' | 'open' | 'stopped' = 'gathering';

  const pump = (): void => {
    if (state !== 'open') return;
    for (const lane of ready) {
      if (inFlight.size >= concurrency) return;
      ready.delete(lane);
      start(lane);
    }
  };
  const start = (lane: Lane): void => {
    const of = nextClass(lane, clock.now());
    if (of === undefined) return;
    const flight = deliverOne(lane, of, options).finally(() => {
      inFlight.delete(flight);
      schedule(lane);
      pump();
    });
    inFlight.add(flight);
  };
  /** Puts a lane where it belongs: ready, asleep until its next time, or out of the way. */
  const schedule = (lane: Lane): void => {
    lane.wake?.();
    lane.wake = undefined;
    ready.delete(lane);
    if (state === 'stopped' || lane.isBusy) return;
    if (!options.isKnown(lane.key)) lane.slots.nodes.batch = lane.slots.work.batch = undefined;
    const now = clock.now();
    if (nextClass(lane, now) !== undefined) ready.add(lane);
    else if (!isIdle(lane))
      lane.wake = clock.after(wakeTime(lane) - now, () => {
        schedule(lane);
        pump();
      });
    else if (!options.isKnown(lane.key)) lanes.delete(lane.key);
  };
  const add = (key: string, of: ChangeClass, batch: Batch): void => {
    if (state === 'stopped') return;
    const lane = lanes.get(key) ?? createLane(key);
    lanes.set(key, lane);
    const slot = lane.slots[of];
    if (slot.batch === undefined) slot.since = clock.now();
    slot.batch = slot.batch === undefined ? batch : merged(slot.batch, batch);
    if (state === 'open') schedule(lane);
    pump();
  };
  const later: Queue['later'] = (ms, key, make) => {
    const cancel = clock.after(ms, () => {
      timers.delete(cancel);
      const made = make();
      if (made !== undefined) add(key, made.of, made.batch);
    });
    timers.add(cancel);
  };
  const waiting = (): readonly number[] =>
    [...lanes.values()].flatMap((lane) =>
      Object.values(lane.slots).flatMap((slot) => (slot.batch === undefined ? [] : slot.since)),
    );
  return {
    add,
    later,
    open: () => {
      state = 'open';
      for (const lane of [...lanes.values()]) schedule(lane);
      pump();
    },
    stop: async () => {
      state = 'stopped';
      for (const cancel of timers) cancel();
      timers.clear();
      for (const lane of lanes.values()) lane.wake?.();
      await Promise.all(inFlight);
    },
    depth: () => waiting().length,
    age: () => Math.max(0, ...waiting().map((since) => clock.now() - since)),
  };
}

/** Never rejects: a failure puts the batch back, merged with what has come meanwhile. */
async function deliverOne(lane: Lane, of: ChangeClass, options: QueueOptions): Promise<void> {
  const { clock, log } = options;
  const slot = lane.slots[of];
  const { batch, since } = slot;
  if (batch === undefined) return;
  slot.batch = undefined;
  lane.isBusy = true;
  try {
    await options.deliver(batch);
    slot.failures = 0;
    slot.notBefore = of === 'work' ? clock.now() + options.gap(lane.key) : 0;
  } catch (error) {
    const told = { cache: lane.key, kind: batch.change.object.kind, err: error };
    if (error instanceof DeliveryRefused) {
      log.error(told, 'delivery refused for good, dropped');
      return;
    }
    slot.failures += 1;
    slot.since = since;
    putBack(slot, batch);
    const asked = error instanceof DeliveryFailed ? (error.retryAfterMs ?? 0) : 0;
    const delay = Math.max(asked, backoff(slot.failures, clock.random(), retry));
    slot.notBefore = clock.now() + delay;
    log.warn({ ...told, failures: slot.failures, delay }, 'delivery failed, trying again');
  } finally {
    lane.isBusy = false;
  }
}

function putBack(slot: Slot, batch: Batch): void {
  slot.batch = slot.batch === undefined ? batch : merged(batch, slot.batch);
}
