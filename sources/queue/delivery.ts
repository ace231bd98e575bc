import { type Cancel, backoff } from '../clock.ts';
import { createPendingChanges, type PendingChanges, type Batch } from './pending-changes.ts';
import { boundTable } from '#runtime/bounds.ts';
import { DeliveryFailed, DeliveryRefused } from '../sink/sink.ts';
import type { QueueOptions } from './queue.ts';

/** In the order of delivery: the cache itself, its nodes, then Jobs and Pods that pull, then those that remove. */
const changeClasses = ['cache', 'nodes', 'work', 'removal'] as const;
export type ChangeClass = (typeof changeClasses)[number];

/** Pending changes of one class; each has its own backoff, as other functions may be available. */
export type Slot = {
  readonly pending: PendingChanges;
  /** When the oldest pending change was added; epoch milliseconds, as `notBefore`. */
  since: number;
  failures: number;
  notBefore: number;
  /** How many deliveries there were since then; epoch milliseconds. */
  burst: { readonly since: number; readonly deliveries: number };
};

/** The queue of one cache: one delivery in flight at a time. */
export type Lane = {
  readonly key: string;
  readonly slots: Readonly<Record<ChangeClass, Slot>>;
  isBusy: boolean;
  wake: Cancel | undefined;
};

export function createLane(key: string): Lane {
  const slot = (): Slot => ({
    pending: createPendingChanges(),
    since: 0,
    failures: 0,
    notBefore: 0,
    burst: { since: 0, deliveries: 0 },
  });
  const slots = { cache: slot(), nodes: slot(), work: slot(), removal: slot() };
  return { key, slots, isBusy: false, wake: undefined };
}

/** The first class with pending changes that may be delivered now. */
export function nextClass({ slots }: Lane, now: number): ChangeClass | undefined {
  return changeClasses.find((of) => !slots[of].pending.isEmpty() && slots[of].notBefore <= now);
}

export const isIdle = ({ slots }: Lane): boolean => changeClasses.every((of) => slots[of].pending.isEmpty());

/** When the first class with pending changes may be delivered; epoch milliseconds. */
export function wakeTime({ slots }: Lane): number {
  const pending = changeClasses.filter((of) => !slots[of].pending.isEmpty());
  return Math.min(...pending.map((of) => slots[of].notBefore));
}

const retry = { first: 200, most: 30_000 };

/** Delivers the next batch of a lane, if any. Never rejects: after a failure the batch is pending again, merged with newer changes. */
export async function deliverNext(lane: Lane, options: QueueOptions, signal: AbortSignal): Promise<void> {
  const of = nextClass(lane, options.clock.now());
  if (of === undefined) return;
  const slot = lane.slots[of];
  const { since } = slot;
  const batch = slot.pending.take();
  if (batch === undefined) return;
  const isAll = slot.pending.isEmpty();
  lane.isBusy = true;
  try {
    await options.deliver(batch, signal);
    recordDelivered(lane, { of, isAll }, options);
  } catch (error) {
    const fields = { cache: lane.key, kind: batch.change.object.kind, err: error, ...options.traceOf?.(batch) };
    if (signal.aborted) options.log.info(fields, 'delivery aborted');
    else if (error instanceof DeliveryRefused) options.log.error(fields, 'delivery refused, dropped');
    else {
      const wait = putBack(slot, { batch, since }, { error, options });
      options.log.warn({ ...fields, ...wait }, 'delivery failed, trying again');
    }
  } finally {
    lane.isBusy = false;
  }
}

/** After a delivery changes are collected for a while, unless more are pending than one event can list. */
function recordDelivered(lane: Lane, { of, isAll }: Delivered, { clock, gap }: QueueOptions): void {
  const slot = lane.slots[of];
  slot.failures = 0;
  if (of === 'cache') slot.notBefore = afterEdit(slot, clock.now());
  else slot.notBefore = isAll && (of === 'work' || of === 'removal') ? clock.now() + gap(lane.key) : 0;
}

/** Milliseconds in which so many edits of a cache are delivered as the bound allows. */
const burst = 5_000;

/** When the next edit may be delivered: bounds how often a cache that is edited continuously is observed. */
function afterEdit(slot: Slot, now: number): number {
  const isOver = now - slot.burst.since >= burst;
  slot.burst = isOver ? { since: now, deliveries: 1 } : { ...slot.burst, deliveries: slot.burst.deliveries + 1 };
  return slot.burst.deliveries < boundTable.edits.limit ? 0 : slot.burst.since + burst;
}

type Delivered = { readonly of: ChangeClass; readonly isAll: boolean };
type Waiting = Pick<Slot, 'since'> & { readonly batch: Batch };
type Failure = { readonly error: unknown; readonly options: QueueOptions };

/** Makes the batch pending again, with its original age. */
function putBack(
  slot: Slot,
  { batch, since }: Waiting,
  { error, options: { clock } }: Failure,
): Pick<Slot, 'failures'> {
  slot.failures += 1;
  slot.since = since;
  slot.pending.putBack(batch);
  const retryAfter = error instanceof DeliveryFailed ? (error.retryAfterMs ?? 0) : 0;
  slot.notBefore = clock.now() + Math.max(retryAfter, backoff(slot.failures, clock.random(), retry));
  return { failures: slot.failures };
}
