import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { counted } from '../../behaviour/measured.ts';
import { cpuSeconds } from '../processor.ts';
import type { SourceLag } from '../results.ts';
import { spreadOf, thinned } from '../spread.ts';
import type { Churn } from './churn.ts';
import type { Listener } from './listeners.ts';

/** A received event: the objects that it names, and when it arrived. */
export type Received = { readonly names: readonly string[]; readonly isAll: boolean; readonly at: number };

/** Accepts every CloudEvent, like a function that has nothing to do. */
export type EventSink = {
  readonly url: string;
  readonly received: () => readonly Received[];
  readonly close: () => Promise<void>;
};

const reference = z.object({ kind: z.string(), namespace: z.string(), name: z.string() });
const body = z.object({ changed: z.optional(z.union([z.literal('all'), z.array(reference)])) });

/** The Jobs that an event names: its subject, and those that our source batches in it. */
export function namesIn(headers: Readonly<Record<string, unknown>>, data: string): Omit<Received, 'at'> {
  const { changed } = data === '' ? {} : body.parse(JSON.parse(data));
  const others = changed === undefined || changed === 'all' ? [] : changed;
  const own = { kind: headers['ce-kind'], name: headers['ce-name'] };
  const names = [own, ...others].flatMap(({ kind, name }) =>
    kind === 'Job' && typeof name === 'string' ? [name] : [],
  );
  return { names: [...new Set(names)], isAll: changed === 'all' };
}

export async function eventSink(): Promise<EventSink> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const at = performance.now();
    void text(request).then((data) => {
      received.push({ ...namesIn(request.headers, data), at });
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received: () => received,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A write to the API server, and when it was sent. */
export type Written = { readonly name: string; readonly at: number };

/** Milliseconds from each write to the first event after it that names its object, and the number of writes that no event reported. */
export function lagsOf(
  written: readonly Written[],
  received: readonly Received[],
): { readonly lags: readonly number[]; readonly unreported: number } {
  const times = new Map<string, number[]>();
  for (const { names, at } of received) for (const name of names) times.set(name, [...(times.get(name) ?? []), at]);
  const found = written.map(({ name, at }) => {
    const reported = times.get(name)?.find((time) => time >= at);
    return reported === undefined ? undefined : reported - at;
  });
  const lags = found.filter((lag) => lag !== undefined);
  return { lags, unreported: found.length - lags.length };
}

/** The rate and duration of the changes. */
export type Pace = { readonly writesPerSecond: number; readonly seconds: number };

/** Measures how long a listener takes to report each change of the Jobs in a cluster. */
export async function measuredListener(
  listener: Listener,
  { sink, jobs, pace }: { readonly sink: EventSink; readonly jobs: Churn; readonly pace: Pace },
): Promise<Omit<SourceLag, 'nodes' | 'jobs' | 'caches'>> {
  const child = spawn(listener.command, listener.args, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...listener.env },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const ended = once(child, 'exit');
  const pid = child.pid ?? 0;
  try {
    const begun = performance.now();
    const synced = await idleSince(sink, pid);
    const [before, earlier, start] = [await cpuSeconds(pid), sink.received().length, performance.now()];
    const written = await jobs.turn(pace.writesPerSecond, pace.seconds);
    const seconds = (performance.now() - start) / 1000;
    await idleSince(sink, pid);
    const events = sink.received().slice(earlier);
    const { lags, unreported } = lagsOf(written, events);
    const { peakMegabytes } = await counted(pid);
    return {
      ...{ name: listener.name, writesPerSecond: pace.writesPerSecond, writes: written.length, unreported, seconds },
      ...{ events: events.length, lag: spreadOf(lags), sorted: thinned(lags), peakMegabytes },
      secondsToSync: (synced - begun) / 1000,
      cpuSeconds: (await cpuSeconds(pid)) - before,
    };
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** Milliseconds without events and with little work after which a listener is idle: it reports Jobs without a Pod after 10 s. */
const idleTime = 15_000;

/** Waits until the listener is idle, by its events and its processor time, and returns since when. */
async function idleSince(sink: EventSink, pid: number): Promise<number> {
  let [events, cpu, since] = [sink.received().length, await cpuSeconds(pid), performance.now()];
  while (performance.now() - since < idleTime) {
    await sleep(500);
    const [now, used] = [sink.received().length, await cpuSeconds(pid)];
    if (now === events && used - cpu < 0.1) {
      cpu = used;
      continue;
    }
    [events, cpu, since] = [now, used, performance.now()];
  }
  return since;
}
