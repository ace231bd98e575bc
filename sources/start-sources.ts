import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { ConfigError } from '#runtime/errors.ts';
import { type Meter, noMeter } from '#runtime/process/metrics.ts';
import { sleep, systemClock, type Clock } from './clock.ts';
import { startCron, wrongSchedule } from './cron.ts';
import { startKubernetesSource, type KubernetesSource, type Within } from './kubernetes/source.ts';
import type { WorkloadOptions } from './kubernetes/workloads.ts';
import { whileLeading, type Lead, type LeaseTimes } from './lease/lease.ts';
import { meteredSink, type Sink } from './sink/sink.ts';
import type { SourceMetric } from './source-metrics.ts';
import { tickEvent, newTraceparent } from './sink/to-event.ts';

export type SourcesOptions = {
  readonly api: Api;
  readonly sink: Sink;
  readonly log: Logger;
  /** Default the whole cluster. */
  readonly within?: Within;
  /** Keys of the startup taints that the warm gate may remove; default none. */
  readonly warmGateTaints?: readonly string[];
  /** Kinds of workloads whose changes are reported to the caches that find images in them; default none. */
  readonly workloads?: WorkloadOptions;
  /** Cron schedule of the heartbeat; '' is off, where something else sends it. */
  readonly tickSchedule: string;
  /** Without it, this process assumes that it is the only one. */
  readonly lease?: { readonly namespace: string; readonly identity: string; readonly times?: LeaseTimes };
  /** Called once when the cluster has no ImageCache CRD; the sources continue as soon as it is installed. */
  readonly onCrdMissing?: () => void;
  /** Nothing starts, the Lease included, until this has resolved; until then the sources are not synced. */
  readonly mayBegin?: (stopping: AbortSignal) => Promise<void>;
  readonly clock?: Clock;
  readonly meter?: Meter<SourceMetric>;
};

export type Sources = {
  /** Whether all objects are known and events are delivered; true for a standby, unless nobody can lead. */
  readonly synced: () => boolean;
  /** Resolves when this process leads and has synced for the first time; never rejects. */
  readonly whenSynced: Promise<void>;
  /** Whether this process is the leader, which watches and sends events. */
  readonly leads: () => boolean;
  /** Known ImageCaches by "namespace/name"; none while standing by. */
  readonly caches: () => ReadonlyMap<string, ImageCache>;
  /** Changes whenever they do. */
  readonly revision: () => string;
  /** Ages in milliseconds of the nodes that have a startup taint of the warm gate; none while standing by. */
  readonly gatedNodes: () => readonly number[];
  /** Number of pending batches, and age of the oldest in milliseconds. */
  readonly queue: () => { readonly depth: number; readonly age: number };
  /** Aborts the deliveries in flight, and resolves when they have ended and the Lease is released. */
  readonly stop: () => Promise<void>;
};

/** Starts the sources of events: changes in the cluster, and the heartbeat. Throws `ConfigError` for an invalid schedule. */
export function startSources(options: SourcesOptions): Sources {
  const { clock = systemClock, lease, log, api, tickSchedule, meter = noMeter } = options;
  const wrong = tickSchedule === '' ? undefined : wrongSchedule(tickSchedule);
  if (wrong !== undefined) throw new ConfigError(wrong);
  const stopping = new AbortController();
  const { promise: whenSynced, resolve } = Promise.withResolvers<undefined>();
  let source: KubernetesSource | undefined;
  let terms = 0;
  const lead: Lead = async (leading) => {
    const term = startTerm({ ...options, clock, sink: meteredSink(options.sink, meter) });
    source = term.source;
    terms += 1;
    void term.source.whenSynced.then(() => {
      resolve(undefined);
    });
    await aborted(leading);
    await term.stop();
    source = undefined;
  };
  let canBeLed = true;
  const onTry = (isPossible: boolean): void => void (canBeLed = isPossible);
  const run = (): Promise<void> =>
    lease === undefined
      ? lead(stopping.signal)
      : whileLeading({ ...lease, api, clock, log, onTry }, stopping.signal, lead);
  let mayLead = options.mayBegin === undefined;
  const runWhen = async (allowed: Promise<void>): Promise<void> => {
    await allowed;
    mayLead = true;
    if (!stopping.signal.aborted) await run();
  };
  const ended = options.mayBegin === undefined ? run() : runWhen(options.mayBegin(stopping.signal));
  return {
    synced: () => mayLead && (source?.synced() ?? (lease !== undefined && canBeLed)),
    whenSynced,
    leads: () => source !== undefined,
    caches: () => source?.caches ?? new Map<string, never>(),
    revision: () => `${terms}.${source?.revision() ?? -1}`,
    gatedNodes: () => source?.gatedNodes() ?? [],
    queue: () => ({ depth: source?.queue.depth() ?? 0, age: source?.queue.age() ?? 0 }),
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

function startTerm(options: SourcesOptions & { readonly clock: Clock }): {
  source: KubernetesSource;
  stop: () => Promise<void>;
} {
  const { sink, clock, log, tickSchedule } = options;
  const tick = (signal: AbortSignal): Promise<void> => {
    const stamp = { id: randomUUID(), time: new Date(clock.now()), traceparent: newTraceparent() };
    return sink(tickEvent(stamp), 'tick', signal);
  };
  const cron = tickSchedule === '' ? undefined : startCron({ schedule: tickSchedule, tick, clock, log });
  const source = startKubernetesSource(options);
  return {
    source,
    stop: async () => {
      const ended = Promise.all([source.stop(), cron?.stop()]);
      if (!(await endsWithin(longestStop, ended, clock)))
        log.warn('deliveries still in progress, not waiting for them');
    },
  };
}

/** Milliseconds that the Lease is held for aborted deliveries: a standby waits for it. */
const longestStop = 3_000;

async function endsWithin(ms: number, work: Promise<unknown>, clock: Clock): Promise<boolean> {
  const ended = new AbortController();
  await Promise.race([work.finally(() => ended.abort()), sleep(ms, clock, ended.signal)]);
  return ended.signal.aborted;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
