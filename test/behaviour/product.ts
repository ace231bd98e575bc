import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { compileCache } from '../support/compile-cache.ts';
import { productProgram } from '../support/product-programs.ts';
import { eventually } from './eventually.ts';

export type Start = {
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** Runs this function only, without sources; by default everything runs in one process. */
  readonly function?: string;
};

/** The product as a child process, on the cluster of its kubeconfig; bundled as in its image, which starts in a third of the time. */
export type Product = {
  /** Starts the process and resolves when it is ready for events. */
  readonly start: (start?: Start) => Promise<void>;
  /** Sends SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number>;
  /** Sends SIGKILL. */
  readonly kill: () => Promise<void>;
  /** Sends a tick to a process without a schedule of its own. */
  readonly tick: () => Promise<void>;
  readonly pid: () => number;
  /** All logged lines, over all starts. */
  readonly log: () => readonly string[];
  /** Logged errors and lines that are not log lines, from this line on; by default since the scenario started. */
  readonly complaints: (since?: number) => readonly string[];
};

export type ProductPlace = {
  readonly kubeconfig: string;
  /** URL that replaces the server of the kubeconfig; '' keeps it. */
  readonly master: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs everything; by default the program of the image that does so in one process. */
  readonly program?: string | undefined;
};

const root = join(import.meta.dirname, '../..');

/** Prepares the product without starting it. */
export function product(place: ProductPlace): Product {
  const lines: string[] = [];
  let child: ChildProcess | undefined;
  let since = 0;

  const running = (): ChildProcess => {
    if (child === undefined) throw new Error('the product is not running');
    return child;
  };
  const logged = (message: string): string | undefined =>
    lines.slice(since).find((line) => line.includes(`"msg":"${message}"`));
  const end = async (signal: NodeJS.Signals): Promise<number> => {
    const ending = running();
    child = undefined;
    if (ending.exitCode !== null) return ending.exitCode;
    const { promise, resolve } = Promise.withResolvers<number>();
    ending.once('close', (code) => resolve(code ?? -1));
    ending.kill(signal);
    return promise;
  };
  return {
    start: async (start = {}) => {
      since = lines.length;
      const started = await spawned(place, start, lines);
      child = started;
      await eventually(
        'the product is ready',
        () => {
          if (started.exitCode !== null) throw new Error(`it ended with ${started.exitCode}`);
          return logged(start.function === undefined ? 'synced' : 'started');
        },
        60,
      );
    },
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
    tick: () => tick(portIn(logged('started') ?? logged('listening') ?? '')),
    pid: () => running().pid ?? 0,
    log: () => lines,
    complaints: (from = 0) => lines.slice(from).filter((line) => !isCalm(line)),
  };
}

/** Excludes the shell's KUBECONFIG and the like, so that only the given settings apply. */
async function spawned(
  { kubeconfig, master, env, program }: ProductPlace,
  start: Start,
  lines: string[],
): Promise<ChildProcess> {
  const flags = [
    `--kubeconfig=${kubeconfig}`,
    ...(master === '' ? [] : [`--master=${master}`]),
    ...(start.flags ?? []),
  ];
  const one = start.function === undefined ? {} : { FUNCTION: start.function };
  const all = program ?? (await productProgram());
  const file = start.function === undefined ? all : await productProgram('functions');
  const child = spawn(process.execPath, [file, ...flags], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      RECEIVE_EVENTS: 'true',
      ...compileCache,
      ...env,
      ...one,
      ...start.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
    });
  }
  return child;
}

const isCalm = (line: string): boolean => /^\{"level":"(trace|debug|info|warn)"/.test(line);

const portIn = (line: string): string => /"port":(\d+)/.exec(line)?.[1] ?? '';

async function tick(port: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/refresh`, {
    method: 'POST',
    headers: {
      'ce-specversion': '1.0',
      'ce-id': crypto.randomUUID(),
      'ce-source': '/test',
      'ce-type': 'dev.knative.sources.ping',
    },
    signal: AbortSignal.timeout(25_000),
  });
  if (!answer.ok && answer.status !== 503)
    throw new Error(`a tick was answered with ${answer.status}: ${await answer.text()}`);
}
