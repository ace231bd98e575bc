import type { Logger } from 'pino';
import type { TraceFields } from '#runtime/http/receive.ts';
import type { Clock, Cancel } from '../clock.ts';
import type { Batch } from './pending-changes.ts';
import { boundTable } from '#runtime/bounds.ts';
import { deliverNext, createLane, isIdle, nextClass, wakeTime, type ChangeClass, type Lane } from './delivery.ts';

export type QueueOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws `DeliveryFailed` if the batch must be sent again, `DeliveryRefused` if it must not. The signal aborts it when the queue stops. */
  readonly deliver: (batch: Batch, signal: AbortSignal) => Promise<void>;
  /** Trace fields for log lines about a delivery. */
  readonly traceOf?: (batch: Batch) => TraceFields;
  /** Milliseconds between the end of one delivery of Job and Pod changes and the next, for one cache. */
  readonly gap: (key: string) => number;
  /** Whether the cache exists: if not, only its own deletion is delivered. */
  readonly isKnown: (key: string) => boolean;
  /** Maximum number of concurrent deliveries over all caches. Default the bound `deliveries`. */
  readonly concurrency?: number;
};

/** Keyed by cache: at most one delivery in flight per cache; changes that arrive in the meantime are merged into the next. */
export type Queue = {
  readonly add: (key: string, of: ChangeClass, batch: Batch) => void;
  /** Adds what `make` returns after so many milliseconds, if anything. */
  readonly addAfter: (ms: number, key: string, make: () => NewBatch | undefined) => void;
  /** Runs something after so many milliseconds, unless the queue stops before. */
  readonly runAfter: (ms: number, run: () => void) => void;
  /** Starts to deliver; until then changes are only collected. */
  readonly open: () => void;
  /** Starts no more deliveries, aborts those in flight, and resolves when they have ended. */
  readonly stop: () => Promise<void>;
  /** Pending batches. */
  readonly depth: () => number;
  /** Age of the oldest pending batch in milliseconds; 0 if none is pending. */
  readonly age: () => number;
};

type NewBatch = { readonly of: ChangeClass; readonly batch: Batch };

type State = {
  readonly options: QueueOptions;
  readonly lanes: Map<string, Lane>;
  /** Lanes that may deliver now, in the order in which they became ready. */
  readonly ready: Set<Lane>;
  readonly inFlight: Map<Promise<void>, Lane>;
  readonly namespaceSlots: NamespaceSlots;
  readonly timers: Set<Cancel>;
  readonly stopping: AbortController;
  phase: 'collecting' | 'open' | 'stopped';
};

export function createQueue(options: QueueOptions): Queue {
  const state: State = {
    options,
    lanes: new Map(),
    ready: new Set(),
    inFlight: new Map(),
    namespaceSlots: createNamespaceSlots(),
    timers: new Set(),
    stopping: new AbortController(),
    phase: 'collecting',
  };
  return {
    add: (key, of, batch) => {
      add(state, key, { of, batch });
    },
    addAfter: (ms, key, make) => {
      runAfter(state, ms, () => {
        const made = make();
        if (made !== undefined) add(state, key, made);
      });
    },
    runAfter: (ms, run) => {
      runAfter(state, ms, run);
    },
    open: () => {
      open(state);
    },
    stop: () => stop(state),
    depth: () => pendingSince(state).length,
    age: () => Math.max(0, ...pendingSince(state).map((since) => options.clock.now() - since)),
  };
}

function add(state: State, key: string, { of, batch }: NewBatch): void {
  if (state.phase === 'stopped') return;
  const lane = state.lanes.get(key) ?? createLane(key);
  state.lanes.set(key, lane);
  const slot = lane.slots[of];
  if (slot.pending.isEmpty()) slot.since = state.options.clock.now();
  slot.pending.add(batch);
  if (state.phase !== 'open') return;
  scheduleLane(state, lane);
  startReady(state);
}

function runAfter({ options, timers }: State, ms: number, run: () => void): void {
  const cancel = options.clock.after(ms, () => {
    timers.delete(cancel);
    run();
  });
  timers.add(cancel);
}

function open(state: State): void {
  state.phase = 'open';
  for (const lane of [...state.lanes.values()]) scheduleLane(state, lane);
  startReady(state);
}

async function stop(state: State): Promise<void> {
  state.phase = 'stopped';
  state.stopping.abort(new Error('the sources are stopping'));
  for (const cancel of state.timers) cancel();
  state.timers.clear();
  for (const lane of state.lanes.values()) lane.wake?.();
  await Promise.all(state.inFlight.keys());
}

/** Schedules a lane: ready now, a timer for later, or removed once its cache is gone and nothing is pending. */
function scheduleLane(state: State, lane: Lane): void {
  const { options, lanes, ready } = state;
  lane.wake?.();
  lane.wake = undefined;
  ready.delete(lane);
  if (state.phase === 'stopped' || lane.isBusy) return;
  const isKnown = options.isKnown(lane.key);
  if (!isKnown) clearWork(lane);
  const now = options.clock.now();
  if (nextClass(lane, now) !== undefined) ready.add(lane);
  else if (!isIdle(lane))
    lane.wake = options.clock.after(wakeTime(lane) - now, () => {
      scheduleLane(state, lane);
      startReady(state);
    });
  else if (!isKnown) lanes.delete(lane.key);
}

function startReady(state: State): void {
  const { options, ready, inFlight, namespaceSlots } = state;
  if (state.phase !== 'open') return;
  const slots = options.concurrency ?? boundTable.deliveries.limit;
  while (inFlight.size < slots) {
    const lane = nextLane(state);
    if (lane === undefined) return;
    ready.delete(lane);
    const begin = options.clock.now();
    const flight = deliverNext(lane, options, state.stopping.signal).finally(() => {
      inFlight.delete(flight);
      namespaceSlots.record(options.clock.now() - begin);
      scheduleLane(state, lane);
      startReady(state);
    });
    inFlight.set(flight, lane);
  }
}

/** The lane that has been ready longest, of the namespace with the fewest deliveries in flight; none of one that has its share. */
function nextLane({ ready, inFlight, namespaceSlots }: State): Lane | undefined {
  const busy = Map.groupBy(inFlight.values(), namespaceOf);
  let [next, fewest]: [Lane | undefined, number] = [undefined, namespaceSlots.count()];
  for (const lane of ready) {
    const number = busy.get(namespaceOf(lane))?.length ?? 0;
    if (number < fewest) [next, fewest] = [lane, number];
    if (fewest === 0) break;
  }
  return next;
}

const namespaceOf = ({ key }: Lane): string => key.slice(0, key.indexOf('/'));

function clearWork({ slots }: Lane): void {
  for (const { pending } of [slots.nodes, slots.work, slots.removal]) pending.clear();
}

const pendingSince = ({ lanes }: State): readonly number[] =>
  [...lanes.values()].flatMap(({ slots }) =>
    Object.values(slots).flatMap(({ pending, since }) => (pending.isEmpty() ? [] : since)),
  );

/** How many deliveries one namespace may have in flight. */
export type NamespaceSlots = {
  readonly count: () => number;
  /** Records how many milliseconds a delivery took. */
  readonly record: (ms: number) => void;
};

/** A delivery that takes at least this many milliseconds waited for an overloaded API server. */
const slow = 500;

/** How much each fast delivery adds. */
const step = 1 / 4;

/**
 * Each slow delivery halves the count, some fast ones add one: the requests of a namespace that keep the API server busy make
 * the requests of all others wait there, and fewer deliveries at once merge more changes into each.
 */
function createNamespaceSlots(): NamespaceSlots {
  const [least, most] = [boundTable.slow_deliveries_of_namespace.limit, boundTable.deliveries_of_namespace.limit];
  let count: number = least;
  return {
    count: () => Math.floor(count),
    record: (ms) => {
      count = ms >= slow ? Math.max(least, count / 2) : Math.min(most, count + step);
    },
  };
}
