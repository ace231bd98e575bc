import { backoff } from '../backoff.ts';
import { DeliveryFailed, DeliveryRefused } from '../sink/sink.ts';
import type { Batch } from './batch.ts';
import { nextClass, type ChangeClass, type Lane, type Slot } from './lane.ts';
import type { QueueOptions } from './queue-options.ts';

const retry = { first: 200, most: 30_000 };

/** Delivers what a lane has to tell next, if anything. Never rejects: a failure puts the batch back, merged with what has come meanwhile. */
export async function deliverNext(lane: Lane, options: QueueOptions, signal: AbortSignal): Promise<void> {
  const of = nextClass(lane, options.clock.now());
  if (of === undefined) return;
  const slot = lane.slots[of];
  const { since } = slot;
  const batch = slot.waiting.take();
  if (batch === undefined) return;
  const isAll = slot.waiting.isEmpty();
  lane.isBusy = true;
  try {
    await options.deliver(batch, signal);
    taken(lane, { of, isAll }, options);
  } catch (error) {
    const told = { cache: lane.key, kind: batch.change.object.kind, err: error, ...options.traceOf?.(batch) };
    if (signal.aborted) options.log.info(told, 'delivery aborted');
    else if (error instanceof DeliveryRefused) options.log.error(told, 'delivery refused for good, dropped');
    else {
      const wait = putBack(slot, { batch, since }, { error, options });
      options.log.warn({ ...told, ...wait }, 'delivery failed, trying again');
    }
  } finally {
    lane.isBusy = false;
  }
}

/** Between deliveries changes gather for a while, unless there were more than one event names. */
function taken(lane: Lane, { of, isAll }: Taken, { clock, gap }: QueueOptions): void {
  const slot = lane.slots[of];
  slot.failures = 0;
  slot.notBefore = isAll && (of === 'work' || of === 'removal') ? clock.now() + gap(lane.key) : 0;
}

type Taken = { readonly of: ChangeClass; readonly isAll: boolean };
type Waiting = Pick<Slot, 'since'> & { readonly batch: Batch };
type Failure = { readonly error: unknown; readonly options: QueueOptions };

/** The batch waits again, as long as if it had never left. */
function putBack(
  slot: Slot,
  { batch, since }: Waiting,
  { error, options: { clock } }: Failure,
): Pick<Slot, 'failures'> {
  slot.failures += 1;
  slot.since = since;
  slot.waiting.putBack(batch);
  const asked = error instanceof DeliveryFailed ? (error.retryAfterMs ?? 0) : 0;
  slot.notBefore = clock.now() + Math.max(asked, backoff(slot.failures, clock.random(), retry));
  return { failures: slot.failures };
}
