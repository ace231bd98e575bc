import { lstat, open, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Bounds, createBounds } from '#runtime/bounds.ts';
import { ConfigError, RetryLater } from '#runtime/errors.ts';
import type { Context, Handlers } from '#runtime/handler.ts';
import { application } from './application.ts';
import { answerMalformed, boundedServer } from './bounded-server.ts';
import { coalesceTicks } from './deliver.ts';
import { respond } from './respond.ts';
import { type EventSecret, guardedSite, type Site } from './site.ts';

export type ServeOptions = {
  /** A single handler gets every POST; of several, each gets the path of its name. None: events are refused. */
  readonly handlers: Partial<Handlers>;
  /** Context for handlers; `serve` adds the signal, which fires when the server is closed. */
  readonly context: Omit<Context, 'signal'>;
  /** 0: any free port. */
  readonly port: number;
  /** Default: all addresses of the host. */
  readonly host?: string | undefined;
  /** Whether events can be handled now; default: always. */
  readonly isReady?: () => boolean;
  /** Additional pages, and the names under which they may be opened, in addition to those of the cluster. */
  readonly site?: Site;
  readonly allowedHosts?: readonly string[];
  /** What senders of events have to know. Default: nothing. */
  readonly secret?: EventSecret | undefined;
  /** Default: bounds of its own. */
  readonly bounds?: Bounds;
  /** Milliseconds that close() waits for requests in flight. Default 9,000: the process has 10 s to end. */
  readonly grace?: number;
  /** Directory of OpenFaaS's lock file. Default: there is none. */
  readonly lockFolder?: string;
};

export type Served = {
  readonly port: number;
  readonly ready: () => boolean;
  /** Stops accepting requests, and resolves when those in flight have ended or the grace period is over. */
  readonly close: () => Promise<void>;
};

const defaultGrace = 9000;

/** Serves events and probes over HTTP. Throws `ConfigError` if the port is not available. */
export async function serve(options: ServeOptions): Promise<Served> {
  const stop = new AbortController();
  const isReady = (): boolean => !stop.signal.aborted && (options.isReady?.() ?? true);
  const context = { ...options.context, signal: stop.signal };
  const { bounds = createBounds(), secret } = options;
  const site = options.site && guardedSite(options.site, { allowedHosts: options.allowedHosts ?? [], bounds });
  const handlers = Object.fromEntries(
    Object.entries(options.handlers).map(([name, handler]) => [name, coalesceTicks(handler, stop.signal)]),
  );
  const server = boundedServer(bounds, application({ handlers, context, isReady, site, bounds, secret }));
  server.on('clientError', answerMalformed);
  server.on('checkExpectation', (_request, response) =>
    respond(response, { status: 400, reason: 'Expect: 100-continue is all that can be expected' }),
  );
  const port = await listening(server, options);
  const lock = await lockFile(options.lockFolder, context.log);
  const close = async (): Promise<void> => {
    stop.abort(new RetryLater('the process is stopping', 1000));
    await lock.remove();
    await drained(server, options.grace ?? defaultGrace);
  };
  let closed: Promise<void> | undefined;
  return { port, ready: isReady, close: () => (closed ??= close()) };
}

async function listening(server: Server, { port, host }: ServeOptions): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen({ port, host }, () => resolve(undefined));
  await promise.catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ConfigError(`cannot listen on port ${port}: ${code}; set PORT to another one`, { cause: error });
  });
  server.off('error', reject);
  const address = server.address();
  return typeof address === 'object' && address ? address.port : port;
}

/** Closes idle connections at once, and busy ones when the grace period is over. */
async function drained(server: Server, grace: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => server.closeAllConnections(), grace);
  server.close(() => resolve(undefined));
  await promise;
  clearTimeout(timer);
}

export type LockFile = { readonly remove: () => Promise<void> };

/**
 * Creates the lock file that OpenFaaS may use as liveness probe; ignores failures, since the file system may be read-only.
 * Never opens a file that exists: in a folder that others write to, it could be a link to any file.
 */
async function lockFile(folder: string | undefined, log: Logger): Promise<LockFile> {
  if (folder === undefined) return { remove: () => Promise.resolve() };
  const path = join(folder, '.lock');
  try {
    await (await open(path, 'wx')).close();
  } catch (err) {
    log.debug({ err, path }, 'no new lock file');
  }
  const remove = async (): Promise<void> => {
    // One that a killed process has left is as good; anything else is not ours.
    if ((await lstat(path)).isFile()) await rm(path);
  };
  return { remove: () => remove().catch(() => undefined) };
}
