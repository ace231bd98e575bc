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

/** An event as it came: all the objects that it names, and when. */
export type Received = { readonly names: readonly string[]; readonly isAll: boolean; readonly at: number };

/** Takes every CloudEvent that is POSTed, as a function that has nothing to do would. */
export type EventSink = {
  readonly url: string;
  readonly received: () => readonly Received[];
  readonly close: () => Promise<void>;
};

const reference = z.object({ kind: z.string(), namespace: z.string(), name: z.string() });
const body = z.object({ changed: z.optional(z.union([z.literal('all'), z.array(reference)])) });

/** The Jobs that an event names: its own object, and those that our source gathers in it. */
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

/** A change that was asked of the API server, and when. */
export type Written = { readonly name: string; readonly at: number };

/** Milliseconds from each write to the first event after it that names its object; what was never told of is counted. */
export function lagsOf(
  written: readonly Written[],
  received: readonly Received[],
): { readonly lags: readonly number[]; readonly unreported: number } {
  const times = new Map<string, number[]>();
  for (const { names, at } of received) for (const name of names) times.set(name, [...(times.get(name) ?? []), at]);
  const found = written.map(({ name, at }) => {
    const told = times.get(name)?.find((time) => time >= at);
    return told === undefined ? undefined : told - at;
  });
  const lags = found.filter((lag) => lag !== undefined);
  return { lags, unreported: found.length - lags.length };
}

/** How hard the cluster changes while it is listened to. */
export type Pace = { readonly writesPerSecond: number; readonly seconds: number };

/** Starts a listener on a cluster full of Jobs, changes Jobs, and measures until when it tells of each change. */
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
    const begin = performance.now();
    const synced = await quiet(sink, pid);
    const [before, seen, start] = [await cpuSeconds(pid), sink.received().length, performance.now()];
    const written = await jobs.turn(pace.writesPerSecond, pace.seconds);
    const seconds = (performance.now() - start) / 1000;
    await quiet(sink, pid);
    const told = sink.received().slice(seen);
    const { lags, unreported } = lagsOf(written, told);
    const { peakMegabytes } = await counted(pid);
    return {
      ...{ name: listener.name, writesPerSecond: pace.writesPerSecond, writes: written.length, unreported, seconds },
      ...{ events: told.length, lag: spreadOf(lags), sorted: thinned(lags), peakMegabytes },
      secondsToSync: (synced - begin) / 1000,
      cpuSeconds: (await cpuSeconds(pid)) - before,
    };
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** How long nothing may come, and hardly any work be done, for a listener to count as done: Jobs without a Pod are told of again after 10 s. */
const silence = 15_000;

/** Waits until it has told all it has to tell, and answers with when that was; its processor use tells of one that has nothing to tell. */
async function quiet(sink: EventSink, pid: number): Promise<number> {
  let [events, cpu, since] = [sink.received().length, await cpuSeconds(pid), performance.now()];
  while (performance.now() - since < silence) {
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
