import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { type FunctionName, functionNames } from '#model/cache/cloud-event.ts';
import { deadline } from '#runtime/api/limits.ts';
import type { Bounds } from '#runtime/bounds.ts';
import { RetryLater } from '#runtime/errors.ts';
import { createDeliver, type Deliver } from './deliver.ts';
import type { Context, Handlers } from '#runtime/handler.ts';
import { refusalOf } from './malformed.ts';
import { type EventSecret, isKnownSender } from './event-secret.ts';
import { pageRefusal } from './page-guard.ts';
import { readBody } from './read-body.ts';
import { isRefused, receive } from './receive.ts';
import { type Answer, answerTo, later, respond, worst } from './respond.ts';
import type { Site } from './site.ts';

export type ApplicationOptions = {
  readonly handlers: Partial<Handlers>;
  readonly context: Context;
  readonly isReady: () => boolean;
  /** Handles other GET requests. */
  readonly site?: Site | undefined;
  readonly bounds: Bounds;
  /** What senders of events have to know; default: nothing. */
  readonly secret?: EventSecret | undefined;
};

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
    if (isPost(request) || options.site?.(request, response) !== true) next();
  });
  app.use(onlyPost, onlySenders(options), events(options), failed(options.context));
  return app;
}

const isPost = ({ method }: Request): boolean => method === 'POST';

/** Refuses pages of browsers, senders without the secret if there is one, and all if no function takes events. */
function onlySenders({ handlers, secret }: ApplicationOptions): RequestHandler {
  const takesNone: Answer = {
    status: 405,
    reason: 'no events are taken from the network: RECEIVE_EVENTS=true has this process take them',
  };
  return (request, response, next) => {
    const page = pageRefusal(request);
    if (page !== undefined) respond(response, { status: 403, reason: page });
    else if (present(handlers).length === 0) respond(response, takesNone);
    else if (secret !== undefined && !isKnownSender(request, secret))
      respond(response, { status: 401, reason: `the header ${secret.header} has not the secret of this process` });
    else next();
  };
}

const onlyPost: RequestHandler = (request, response, next) => {
  if (isPost(request)) {
    next();
    return;
  }
  response.status(request.method === 'GET' || request.method === 'HEAD' ? 404 : 405).set('allow', 'POST');
  response.type('text/plain').send('events come by POST; GET /_/health and /_/ready are answered\n');
};

function events(options: ApplicationOptions): RequestHandler {
  const { context, bounds } = options;
  const deliver = createDeliver(bounds);
  return async (request, response) => {
    const { signal, clear } = deadline(Infinity, [context.signal, hangUp(response)]);
    const isFree = bounds.requests.take();
    try {
      const answer = await answered(
        { ...options, context: { ...context, signal } },
        { request, response, deliver, isFree },
      );
      if (context.signal.aborted && !response.headersSent) response.setHeader('connection', 'close');
      respond(response, answer);
    } catch (error) {
      // A sender that has hung up gets no answer.
      if (!response.destroyed) throw error;
    } finally {
      if (isFree) bounds.requests.give();
      clear();
    }
  };
}

type Exchange = {
  readonly request: Request;
  readonly response: Response;
  readonly deliver: Deliver;
  /** Whether this request is one of those that may be handled at once. */
  readonly isFree: boolean;
};

async function answered(options: ApplicationOptions, exchange: Exchange): Promise<Answer> {
  const { request, response } = exchange;
  if (options.context.signal.aborted) return later('the process is stopping', 1000);
  if (!exchange.isFree) return later('too many requests at once', 1000);
  const { bounds } = options;
  return readBody({ request, response, bounds }, (body) => handled(body, exchange, options));
}

/** Aborts when the sender closes the connection: no one waits for the answer, and a sender that still needs it retries. */
function hangUp(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new RetryLater('the sender has hung up', 1000));
  });
  return gone.signal;
}

/** Handles a batch in sequence: its events are often about one cache, and would cause conflicts in parallel. */
async function handled(
  body: Buffer,
  { request, deliver }: Exchange,
  { handlers, context, bounds }: ApplicationOptions,
): Promise<Answer> {
  const name = functionOf(request.path, handlers);
  const handler = name && handlers[name];
  if (!handler) return { status: 422, reason: `no function has this path: POST to /${present(handlers).join(', /')}` };
  const received = receive(request.headers, body, name);
  if (received.some((each) => isRefused(each) && each.status === 413)) bounds.batch_events.refuse();
  const answers: Answer[] = [];
  for (const each of distinct(received)) {
    context.signal.throwIfAborted();
    answers.push(isRefused(each) ? each : await deliver(each, { name, handler }, context));
  }
  return worst(answers);
}

/** Without events that say the same as an earlier one: a batch about one object is one observation of it. */
function distinct(received: ReturnType<typeof receive>): ReturnType<typeof receive> {
  const byNotice = Map.groupBy(received, (each) => JSON.stringify(isRefused(each) ? each : each.notice));
  return [...byNotice.values()].flatMap(([first]) => first ?? []);
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
