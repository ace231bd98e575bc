import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Fault } from './faults.ts';
import type { Link } from './network.ts';

export type InjectionOptions = {
  /** The fault of a request, if any; kills are done by `kill`. */
  readonly fault: (request: IncomingMessage, link: Link) => Fault | undefined;
  readonly linkOf: (socket: unknown) => Link | undefined;
  readonly kill: (link: Link) => void;
  /** Runs a task after this many milliseconds if the chaos is not over. */
  readonly after: (ms: number, run: () => void) => void;
  /** Runs a task after this many milliseconds. */
  readonly afterAlways: (ms: number, run: () => void) => void;
};

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** Injects faults between an API server and its clients. */
export function injectFaults(server: Server, options: InjectionOptions): void {
  const serve: Serve = (request, response) => {
    for (const listener of listeners) Reflect.apply(listener, server, [request, response]);
  };
  const listeners = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const link = options.linkOf(request.socket);
    const fault = link && options.fault(request, link);
    if (link === undefined || fault === undefined) serve(request, response);
    else inject(fault, { request, response, link, serve, options });
  });
}

type Injection = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly link: Link;
  readonly serve: Serve;
  readonly options: InjectionOptions;
};

function inject(fault: Fault, at: Injection): void {
  const { request, response, link, serve, options } = at;
  switch (fault.type) {
    case 'refuse': {
      insteadOfAnswer(fault.isDone, at, () =>
        answer(response, fault.code, statusOf(fault.code, 'Injected'), fault.retryAfter),
      );
      return;
    }
    case 'proxy page': {
      insteadOfAnswer(fault.isDone, at, () => answer(response, fault.code, '<html><h1>Bad gateway</h1></html>'));
      return;
    }
    case 'conflict': {
      insteadOfAnswer(fault.isDone, at, () => answer(response, 409, statusOf(409, fault.reason)));
      return;
    }
    case 'expire':
      if (!fault.asEvent) {
        answer(response, 410, statusOf(410, 'Expired'));
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(410, 'Expired') })}\n`);
      return;
    case 'reset':
    case 'kill':
    case 'vanish': {
      insteadOfAnswer(fault.isDone, at, () => {
        if (fault.type === 'kill') options.kill(link);
        else link[fault.type]();
      });
      return;
    }
    case 'cut short': {
      cutShort(at);
      return;
    }
    case 'delay': {
      options.afterAlways(fault.ms, () => serve(request, response));
      return;
    }
    case 'watch reset':
    case 'watch vanish':
      options.after(fault.ms, fault.type === 'watch reset' ? link.reset : link.vanish);
      {
        serve(request, response);
        return;
      }
    case 'watch expire':
      options.after(fault.ms, () => {
        if (!response.writableEnded)
          response.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(410, 'Expired') })}\n`);
      });
      {
        serve(request, response);
        return;
      }
  }
}

/** Replaces the server's response, after or without processing of the request. */
function insteadOfAnswer(isDone: boolean, { request, response, serve }: Injection, act: () => void): void {
  if (!isDone) {
    request.resume();
    request.once('end', act);
    return;
  }
  const mute = {
    writeHead: () => response,
    write: () => true,
    setHeader: () => response,
    flushHeaders: () => undefined,
  };
  const unmute = Object.fromEntries(Object.keys(mute).map((name) => [name, Reflect.get(response, name) as unknown]));
  const end = response.end.bind(response);
  Object.assign(response, mute, {
    end: () => {
      Object.assign(response, unmute, { end });
      act();
      return response;
    },
  });
  serve(request, response);
}

/** Breaks the connection during the response. */
function cutShort({ request, response, link, serve }: Injection): void {
  const end = response.end.bind(response);
  response.end = (chunk: unknown) => {
    const whole = Buffer.from(chunk instanceof Uint8Array ? chunk : String(chunk));
    response.write(whole.subarray(0, whole.length >> 1), () => link.reset());
    return response;
  };
  response.once('close', () => (response.end = end));
  serve(request, response);
}

function answer(response: ServerResponse, code: number, body: object | string, retryAfter?: number): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(code, {
    'content-type': typeof body === 'string' ? 'text/html' : 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(text);
}

const statusOf = (code: number, reason: string): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: `injected: ${reason}`,
  reason,
  code,
});
