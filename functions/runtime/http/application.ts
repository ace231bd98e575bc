import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import { type FunctionName, functionNames } from '#model/cache/cloud-event.ts';
import { deliver } from './deliver.ts';
import type { Context, Handlers } from '#runtime/handler.ts';
import { refusalOf } from './malformed.ts';
import { isRefused, receive } from './receive.ts';
import { type Answer, answerTo, later, respond, worst } from './respond.ts';
import type { Site } from './site.ts';

export type ApplicationOptions = {
  readonly handlers: Partial<Handlers>;
  readonly context: Context;
  readonly isReady: () => boolean;
  /** Handles other GET requests. */
  readonly site?: Site | undefined;
};

/** 2 MB: a little more than etcd's largest object. */
const bodyLimit = 2 * 1024 * 1024;

/** The HTTP application: GET for probes, POST for events. */
export function application(options: ApplicationOptions): Express {
  const { signal } = options.context;
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use((_request, response, next) => {
    // Kept-alive connections would delay the shutdown of the server.
    if (signal.aborted) response.setHeader('connection', 'close');
    next();
  });
  app.get(['/_/health', '/health/liveness'], (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  app.get(['/_/ready', '/health/readiness'], (_request, response) => {
    if (options.isReady()) response.type('text/plain').send('ok\n');
    else respond(response, later('not ready: the cluster has not been read yet, or the process is stopping', 1000));
  });
  app.use((request, response, next) => {
    if (options.site?.(request, response) !== true) next();
  });
  // Not inflated: no sender compresses events, and a small body could inflate to a huge one.
  const body = express.raw({ type: () => true, limit: bodyLimit, inflate: false });
  app.use(onlyPost, body, events(options), failed(options.context));
  return app;
}

const onlyPost: RequestHandler = (request, response, next) => {
  if (request.method === 'POST') {
    next();
    return;
  }
  response.status(request.method === 'GET' || request.method === 'HEAD' ? 404 : 405).set('allow', 'POST');
  response.type('text/plain').send('events come by POST; GET /_/health and /_/ready are answered\n');
};

function events(options: ApplicationOptions): RequestHandler {
  const { signal } = options.context;
  return async (request, response) => {
    const answer = signal.aborted ? later('the process is stopping', 1000) : await handled(request, options);
    if (signal.aborted && !response.headersSent) response.setHeader('connection', 'close');
    respond(response, answer);
  };
}

/** Handles a batch in sequence: its events are often about one cache, and would cause conflicts in parallel. */
async function handled(request: Request, { handlers, context }: ApplicationOptions): Promise<Answer> {
  const name = functionOf(request.path, handlers);
  const handler = name && handlers[name];
  if (!handler) return { status: 422, reason: `no function has this path: POST to /${present(handlers).join(', /')}` };
  const body: unknown = request.body;
  const answers: Answer[] = [];
  for (const received of receive(request.headers, Buffer.isBuffer(body) ? body : Buffer.alloc(0), name))
    answers.push(isRefused(received) ? received : await deliver(received, { name, handler }, context));
  return worst(answers);
}

/** The function of a path: a single function handles every path, since a gateway may add a prefix; else the one named. */
function functionOf(path: string, handlers: Partial<Handlers>): FunctionName | undefined {
  const names = present(handlers);
  if (names.length === 1) return names[0];
  return names.find((name) => path === `/${name}` || path.startsWith(`/${name}/`));
}

const present = (handlers: Partial<Handlers>): FunctionName[] => functionNames.filter((name) => handlers[name]);

function failed({ log }: Context): ErrorRequestHandler {
  // Express identifies an error handler by its four parameters.
  // eslint-disable-next-line @typescript-eslint/max-params
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const refusal = refusalOf(error);
    if (!refusal) log.error({ err: error }, 'request failed');
    respond(response, refusal ?? answerTo(error));
  };
}
