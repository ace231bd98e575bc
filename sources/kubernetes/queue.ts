import type { Cancel } from '../clock.ts';
import type { Batch } from './batch.ts';
import { deliverNext } from './delivery.ts';
import type { QueueOptions } from './queue-options.ts';
import { createLane, isIdle, nextClass, wakeTime, type ChangeClass, type Lane } from './lane.ts';

/** Keyed by cache: at most one delivery in flight for each, and what comes meanwhile is one more after it. */
export type Queue = {
  readonly add: (key: string, of: ChangeClass, batch: Batch) => void;
  /** Adds after so many milliseconds what `make` then returns, if anything. */
  readonly later: (ms: number, key: string, make: () => Due | undefined) => void;
  /** Begins to deliver; until then changes only gather. */
  readonly open: () => void;
  /** Starts no more deliveries, aborts those in flight, and resolves when they have ended. */
  readonly stop: () => Promise<void>;
  /** Batches that wait. */
  readonly depth: () => number;
  /** Milliseconds that the longest-waiting batch has waited; 0 when none waits. */
  readonly age: () => number;
};

type Due = { readonly of: ChangeClass; readonly batch: Batch };

type State = {
  readonly options: QueueOptions;
  readonly lanes: Map<string, Lane>;
  /** Lanes that may deliver now, first come first served. */
  readonly ready: Set<Lane>;
  readonly inFlight: Set<Promise<void>>;
  readonly timers: Set<Cancel>;
  readonly stopping: AbortController;
  phase: 'gathering' | 'open' | 'stopped';
};

export function createQueue(options: QueueOptions): Queue {
  const state: State = {
    options,
    lanes: new Map(),
    ready: new Set(),
    inFlight: new Set(),
    timers: new Set(),
    stopping: new AbortController(),
    phase: 'gathering',
  };
  return {
    add: (key, of, batch) => {
      add(state, key, { of, batch });
    },
    later: (ms, key, make) => {
      later(state, ms, () => {
        const due = make();
        if (due !== undefined) add(state, key, due);
      });
    },
    open: () => {
      open(state);
    },
    stop: () => stop(state),
    depth: () => waitingSince(state).length,
    age: () => Math.max(0, ...waitingSince(state).map((since) => options.clock.now() - since)),
  };
}

function add(state: State, key: string, { of, batch }: Due): void {
  if (state.phase === 'stopped') return;
  const lane = state.lanes.get(key) ?? createLane(key);
  state.lanes.set(key, lane);
  const slot = lane.slots[of];
  if (slot.waiting.isEmpty()) slot.since = state.options.clock.now();
  slot.waiting.add(batch);
  if (state.phase !== 'open') return;
  place(state, lane);
  pump(state);
}

function later({ options, timers }: State, ms: number, run: () => void): void {
  const cancel = options.clock.after(ms, () => {
    timers.delete(cancel);
    run();
  });
  timers.add(cancel);
}

function open(state: State): void {
  state.phase = 'open';
  for (const lane of [...state.lanes.values()]) place(state, lane);
  pump(state);
}

async function stop(state: State): Promise<void> {
  state.phase = 'stopped';
  state.stopping.abort(new Error('the sources are stopping'));
  for (const cancel of state.timers) cancel();
  state.timers.clear();
  for (const lane of state.lanes.values()) lane.wake?.();
  await Promise.all(state.inFlight);
}

/** Puts a lane where it belongs: among the ready, asleep until its next time, or out of the way. */
function place(state: State, lane: Lane): void {
  const { options, lanes, ready } = state;
  lane.wake?.();
  lane.wake = undefined;
  ready.delete(lane);
  if (state.phase === 'stopped' || lane.isBusy) return;
  const isKnown = options.isKnown(lane.key);
  if (!isKnown) forget(lane);
  const now = options.clock.now();
  if (nextClass(lane, now) !== undefined) ready.add(lane);
  else if (!isIdle(lane))
    lane.wake = options.clock.after(wakeTime(lane) - now, () => {
      place(state, lane);
      pump(state);
    });
  else if (!isKnown) lanes.delete(lane.key);
}

function pump(state: State): void {
  const { options, ready, inFlight } = state;
  if (state.phase !== 'open') return;
  for (const lane of ready) {
    if (inFlight.size >= (options.concurrency ?? 16)) return;
    ready.delete(lane);
    const flight = deliverNext(lane, options, state.stopping.signal).finally(() => {
      inFlight.delete(flight);
      place(state, lane);
      pump(state);
    });
    inFlight.add(flight);
  }
}

function forget({ slots }: Lane): void {
  for (const { waiting } of [slots.nodes, slots.work, slots.removal]) waiting.clear();
}

const waitingSince = ({ lanes }: State): readonly number[] =>
  [...lanes.values()].flatMap(({ slots }) =>
    Object.values(slots).flatMap(({ waiting, since }) => (waiting.isEmpty() ? [] : since)),
  );
