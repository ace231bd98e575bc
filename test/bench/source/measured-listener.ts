import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { counted } from '../../behaviour/measured.ts';
import { cpuSeconds } from '../processor.ts';
import type { SourceLag } from '../results.ts';
import { spreadOf, thinned } from '../spread.ts';
import type { Churn } from './churn.ts';
import type { EventSink } from './event-sink.ts';
import { lagsOf } from './lags.ts';
import type { Listener } from './listeners.ts';

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
