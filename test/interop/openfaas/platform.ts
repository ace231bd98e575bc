import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { functionNames, type FunctionName } from '#model/cache/cloud-event.ts';
import { deployedName } from '../deployed-name.ts';
import { startGateway, type Gateway, type GatewayOptions } from './gateway.ts';

export type PlatformOptions = {
  /** Folder of the bundled programs. */
  readonly programs: string;
  /** Environment of both functions and source. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Receives every output line of a process. */
  readonly onLine: (line: string, from: FunctionName | 'source') => void;
  readonly gateway?: Omit<GatewayOptions, 'portOf'>;
};

/** The four functions as separate processes, as their image starts them, behind a gateway, and the source that posts to it. */
export type Platform = {
  readonly gateway: () => Gateway;
  /** Stops the gateway with all requests in flight. */
  readonly stopGateway: () => Promise<void>;
  /** Restarts the gateway at its address. */
  readonly startGateway: () => Promise<void>;
  /** Sends SIGKILL to a function, which has no replica until it is started again. */
  readonly kill: (name: FunctionName) => Promise<void>;
  readonly start: (name: FunctionName) => Promise<void>;
  readonly startSource: () => void;
  /** The process of each function and of the source, while it runs. */
  readonly pids: () => Readonly<Record<string, number>>;
  /** Sends SIGTERM to all processes, the source first; returns whether all exited with 0. */
  readonly stop: () => Promise<boolean>;
};

/** Starts functions and gateway; the caller starts the source. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const replicas = new Map<FunctionName, Replica>();
  const settings = { ...options.gateway, portOf: (name: string) => portOf(replicas, name) };
  const start = async (name: FunctionName): Promise<void> => {
    const child = started('main.mjs', { FUNCTION: name, PORT: '0' }, { ...options, from: name });
    replicas.set(name, { child: child.process, port: await child.port });
  };
  await Promise.all(functionNames.map(start));
  let gateway = await startGateway(settings);
  const { port } = gateway;
  let source: ChildProcess | undefined;
  return {
    gateway: () => gateway,
    stopGateway: () => gateway.close(),
    startGateway: async () => {
      gateway = await startGateway(settings, port);
    },
    kill: async (name) => {
      const replica = replicas.get(name);
      replicas.delete(name);
      if (replica !== undefined) await ended(replica.child, 'SIGKILL');
    },
    start,
    startSource: () => {
      const routes = functionNames.map((name) => [name, `http://127.0.0.1:${port}/function/${deployedName(name)}`]);
      const env = { ROUTES: JSON.stringify(Object.fromEntries(routes)), PORT: '0' };
      const child = started('sources.mjs', env, { ...options, from: 'source' });
      child.port.catch(() => undefined); // callers that wait for it read the log
      source = child.process;
    },
    pids: () => {
      const functions = [...replicas].map(([name, { child }]) => [name, child] as const);
      const all = source === undefined ? functions : [...functions, ['source', source] as const];
      return Object.fromEntries(all.map(([name, child]) => [name, child.pid ?? 0]));
    },
    stop: async () => {
      const codes = source === undefined ? [] : [await ended(source, 'SIGTERM')];
      for (const { child } of replicas.values()) codes.push(await ended(child, 'SIGTERM'));
      await gateway.close();
      return codes.every((code) => code === 0);
    },
  };
}

type Replica = { readonly child: ChildProcess; readonly port: number };

function portOf(replicas: ReadonlyMap<FunctionName, Replica>, called: string): number | undefined {
  const name = functionNames.find((each) => deployedName(each) === called);
  return name === undefined ? undefined : replicas.get(name)?.port;
}

type Place = Pick<PlatformOptions, 'programs' | 'flags' | 'env' | 'onLine'> & {
  readonly from: FunctionName | 'source';
};

/** Starts a program that ends with this process, even if this process is killed. */
function started(
  program: string,
  own: Readonly<Record<string, string>>,
  { programs, flags, env, onLine, from }: Place,
): { readonly process: ChildProcess; readonly port: Promise<number> } {
  const node = [process.execPath, program, ...flags];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...node], {
    cwd: programs,
    env: { ...env, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const port = /"port":(\d+).*"msg":"started"/.exec(line)?.[1];
        if (port !== undefined) resolve(Number(port));
        onLine(line, from);
      }
    });
  }
  child.once('exit', (code) => reject(new Error(`${from} ended with ${code}`)));
  return { process: child, port: promise };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const close = once(child, 'close');
  child.kill(signal);
  await close;
  return child.exitCode;
}
