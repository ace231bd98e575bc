import { createServer, type Server } from 'node:http';
import { application } from './application.ts';
import { ConfigError } from '#runtime/errors.ts';
import type { Context, Handlers } from '#runtime/handler.ts';
import { lockFile } from './lock-file.ts';
import { answerMalformed } from './malformed.ts';
import { respond } from './respond.ts';
import type { Site } from './site.ts';

export type ServeOptions = {
  /** One handler takes every POST; of several, each takes the path of its name. */
  readonly handlers: Partial<Handlers>;
  /** What handlers work with; their signal is added here and fires when the server is closed. */
  readonly context: Omit<Context, 'signal'>;
  /** 0 picks a free one. */
  readonly port: number;
  /** Default every address of the host. */
  readonly host?: string;
  /** Whether events can be handled now; default always. */
  readonly isReady?: () => boolean;
  /** Pages beside events and probes. */
  readonly site?: Site;
  /** Milliseconds that close() grants to what is in flight. Default 9,000: the process has 10 s to end. */
  readonly grace?: number;
  /** Folder of the lock file by which OpenFaaS sees a process live. Default the system's for temporary files. */
  readonly lockFolder?: string;
};

export type Served = {
  readonly port: number;
  readonly ready: () => boolean;
  /** Takes no more, lets what is in flight end within its grace, and resolves. */
  readonly close: () => Promise<void>;
};

/** Milliseconds: longer than Go's clients keep an idle connection, so that none is closed under a request. */
const keepAliveTimeout = 120_000;
const defaultGrace = 9000;

/** Serves events and probes over HTTP. Throws `ConfigError` if the port can not be had. */
export async function serve(options: ServeOptions): Promise<Served> {
  const stop = new AbortController();
  const isReady = (): boolean => !stop.signal.aborted && (options.isReady?.() ?? true);
  const context = { ...options.context, signal: stop.signal };
  // Node would refuse a missing Host in its own, wordless way; nothing here depends on one.
  const http = { keepAliveTimeout, requireHostHeader: false };
  const server = createServer(http, application({ handlers: options.handlers, context, isReady, site: options.site }));
  server.on('clientError', answerMalformed);
  server.on('checkExpectation', (_request, response) =>
    respond(response, { status: 400, reason: 'Expect: 100-continue is all that can be expected' }),
  );
  const port = await listening(server, options);
  const lock = await lockFile(options.lockFolder, context.log);
  const close = async (): Promise<void> => {
    stop.abort(new Error('the process is stopping'));
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

/** Closes idle connections at once, and those still at work when the grace is over. */
async function drained(server: Server, grace: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => server.closeAllConnections(), grace);
  server.close(() => resolve(undefined));
  await promise;
  clearTimeout(timer);
}
