import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { SeededRandom } from '../seeded-random.ts';

export type Program = {
  readonly name: string;
  /** The arguments of Node. */
  readonly file: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** A process that is restarted when it was killed or has exited. */
export type Child = {
  /** The port on which it listens; undefined while it does not. */
  readonly port: () => number | undefined;
  /** Sends SIGKILL. */
  readonly kill: () => void;
  /** Stops it permanently. */
  readonly stop: () => void;
};

/** Keeps a program of the product running. `log` receives its starts and log lines. */
export function keepRunning(program: Program, chance: SeededRandom, log: (line: string) => void): Child {
  const { name, file, flags, env } = program;
  let child: ChildProcess | undefined;
  let port: number | undefined;
  let count = 0;
  let pause = 0;
  let isOver = false;
  let again: NodeJS.Timeout | undefined;

  const start = (): void => {
    count += 1;
    log(`${name}#${count} starts`);
    const started = spawn(process.execPath, [file, ...flags], {
      env: { PATH: process.env['PATH'], PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    for (const stream of [started.stdout, started.stderr])
      createInterface(stream).on('line', (line) => {
        log(`  ${name}: ${line}`);
        const found = /"port":(\d+).*"msg":"(?:started|listening)"/.exec(line)?.[1];
        if (found !== undefined && child === started) port = Number(found);
      });
    pause = 500;
    started.once('exit', () => {
      child = undefined;
      port = undefined;
      if (!isOver) again = setTimeout(start, pause);
    });
  };
  const end = (): void => {
    isOver = true;
    clearTimeout(again);
    child?.kill('SIGKILL');
  };
  // The run may end first.
  process.once('exit', end);
  start();
  return {
    port: () => port,
    kill: () => {
      if (child === undefined) return;
      log(`${name}#${count} is killed`);
      pause = chance.pick([0, 100, 600, 3_000]);
      port = undefined;
      child.kill('SIGKILL');
    },
    stop: () => {
      process.removeListener('exit', end);
      end();
    },
  };
}
