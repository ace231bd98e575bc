import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Seconds of processor that a process and all its threads have used since its start (Linux). */
export async function cpuSeconds(pid: number): Promise<number> {
  return secondsIn(await readFile(`/proc/${pid}/stat`, 'utf8'));
}

/** Parses /proc/PID/stat, from after the program's name, which may contain anything. */
export function secondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return (user + system) / ticksPerSecond;
}

/** Linux reports these units to user space on every kernel. */
const ticksPerSecond = 100;

/** Seconds of processor of every daemon of a lab, by its name. `folder` is the lab's. */
export async function daemonSeconds(folder: string): Promise<Readonly<Record<string, number>>> {
  const run = join(folder, 'run');
  const files = (await readdir(run)).filter((name) => name.endsWith('.pid'));
  const entries = await Promise.all(
    files.map(async (name): Promise<[string, number]> => {
      const [pid = ''] = (await readFile(join(run, name), 'utf8')).split(' ');
      return [basename(name, '.pid'), await cpuSeconds(Number(pid)).catch(() => 0)];
    }),
  );
  return Object.fromEntries(entries);
}

/** The difference between two readings, by daemon. */
export const secondsBetween = (
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => [name, Math.round((seconds - (before[name] ?? 0)) * 100) / 100]),
  );

/** Ticks of all processors since the machine started: total, busy, and waiting for a disk. */
export type MachineTicks = { readonly all: number; readonly busy: number; readonly diskWait: number };

/** Parses the first line of /proc/stat. */
export function machineTicks(stat: string): MachineTicks {
  const [user = 0, nice = 0, system = 0, idle = 0, diskWait = 0, ...others] = (stat.split('\n', 1)[0] ?? '')
    .split(/\s+/)
    .slice(1, 9) // later fields are included in the first ones
    .map(Number);
  const busy = others.reduce((sum, ticks) => sum + ticks, user + nice + system);
  return { all: busy + idle + diskWait, busy, diskWait };
}

/** Shares of the time between two readings that the machine was busy, and only waited for a disk; percent. */
export function shareBetween(
  before: MachineTicks,
  after: MachineTicks,
): { readonly busy: number; readonly diskWait: number } {
  const all = Math.max(1, after.all - before.all);
  const percent = (ticks: number): number => Math.round((ticks / all) * 100);
  return { busy: percent(after.busy - before.busy), diskWait: percent(after.diskWait - before.diskWait) };
}
