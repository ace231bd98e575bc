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
import { unreadableAnswer, readBody } from './bounded-server.ts';
import { type EventSecret, isKnownSender, senderProblem, type Site } from './site.ts';
import { isRefused, receive } from './receive.ts';
import { type Answer, answerTo, later, respond, worst } from './respond.ts';

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
    const page = senderProblem(request);
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
    const answer = (): Promise<Answer> | Answer => {
      if (context.signal.aborted) return later('the process is stopping', 1000);
      if (!isFree) return later('too many requests at once', 1000);
      const handle = (body: Buffer): Promise<Answer> =>
        handled(request, body, deliver, { ...options, context: { ...context, signal } });
      return readBody(request, response, bounds, handle);
    };
    try {
      const sent = await answer();
      if (context.signal.aborted && !response.headersSent) response.setHeader('connection', 'close');
      respond(response, sent);
    } catch (error) {
      // A sender that has hung up gets no answer.
      if (!response.destroyed) throw error;
    } finally {
      if (isFree) bounds.requests.give();
      clear();
    }
  };
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
  { path, headers }: Request,
  body: Buffer,
  deliver: Deliver,
  { handlers, context, bounds }: ApplicationOptions,
): Promise<Answer> {
  const name = functionOf(path, handlers);
  const handler = name && handlers[name];
  if (!handler) return { status: 422, reason: `no function has this path: POST to /${present(handlers).join(', /')}` };
  const received = receive(headers, body, name);
  if (received.some((each) => isRefused(each) && each.status === 413)) bounds.batch_events.refuse();
  const answers: Answer[] = [];
  for (const each of distinct(received)) {
    context.signal.throwIfAborted();
    answers.push(isRefused(each) ? each : await deliver(each, name, handler, context));
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
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const refusal = unreadableAnswer(error);
    if (!refusal) log.error({ err: error }, 'request failed');
    respond(response, refusal ?? answerTo(error));
  };
}
