import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as pause } from 'node:timers/promises';
import { boundTable, type Slots } from '#runtime/bounds.ts';
import type { ApiError } from '#runtime/errors.ts';
import { bodyText, isSuccess, parsed, refusal, silence } from './answer.ts';
import { apiConnection, defaultTimeout, type ApiConnection, type Sent } from './connection.ts';
import { boundedLimiter, deadline, limiter, reasonOf, TimedOut } from './limits.ts';
import type { Credentials } from './pod-credentials.ts';
import { nextTry } from './retry-policy.ts';

/** One request to the API server. */
export type ApiCall = {
  readonly method: Method;
  /** Path with query, as in `/api/v1/nodes?limit=250`. */
  readonly path: string;
  readonly body?: unknown;
  /** Default `application/json`; a PATCH sets its patch type here. */
  readonly contentType?: string;
  readonly accept?: string | undefined;
  /** Milliseconds until one try times out, from connecting to the last byte; for a stream, to the head of the answer. Default 30,000. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the largest answer that is read, uncompressed; of a larger one the call fails (see `isAnswerTooLarge`). */
  readonly maxBytes?: number | undefined;
  /** Awaited when the head of an answer has arrived, before its body is read. The signal fires when the try times out. */
  readonly beforeBody?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Skips the concurrency limit: a Lease is lost if its renewal queues behind a thousand Jobs. */
  readonly isUrgent?: boolean;
};

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Api = {
  readonly server: string;
  /** Name of the kubeconfig's context; 'in-cluster' inside a pod. */
  readonly context: string;
  /** The namespace of this process: the pod's, or the context's, or `default`. */
  readonly namespace: string;
  /** The parsed JSON answer. Throws `ApiError` for anything but 2xx, after retrying what is safe to retry. */
  readonly request: (call: ApiCall) => Promise<unknown>;
  /**
   * The lines of a streamed answer (a watch) as they arrive; ends when the server ends it, or without an error when the signal fires.
   * Throws `ApiError` if the answer is not 2xx or the stream breaks. Has no idle time limit: the caller sets one.
   */
  readonly lines: (call: ApiCall) => AsyncIterable<string>;
  readonly metrics: () => ApiMetrics;
  /** Ends every call and stream; later calls fail. */
  readonly close: () => void;
};

/** Totals of this process; every try counts, a watch as a GET. */
export type ApiMetrics = {
  readonly calls: Readonly<Record<Method, number>>;
  /** Bytes of answers as received, before decompression. */
  readonly bytesRead: number;
};

/** One try of a call, a watch included. */
export type CallResult = {
  readonly method: Method;
  readonly path: string;
  /** HTTP status; undefined if there was no answer. */
  readonly code: number | undefined;
  /** From sending to the head of the answer. */
  readonly seconds: number;
};

export type ApiOptions = {
  /** Maximum number of concurrent calls; streams do not count. Default the bound `api_calls`. */
  readonly concurrency?: number;
  /** The same bound, with the count of the process. */
  readonly calls?: Slots;
  /** Called after every try. */
  readonly onCall?: (result: CallResult) => void;
};

/** The client for given credentials; separate from `createApi` to not load client-node. Sends nothing before the first call. */
export function openApi(credentials: Credentials, options: ApiOptions): Api {
  const wire = apiConnection(credentials, options.onCall);
  const { concurrency = boundTable.api_calls.limit, calls } = options;
  const enter = calls === undefined ? limiter(concurrency) : boundedLimiter(calls);
  return {
    server: credentials.server.href.replace(/\/$/, ''),
    context: credentials.context,
    namespace: credentials.namespace,
    request: (call) => {
      const tryOnce = (signal: AbortSignal): Promise<Outcome> => attempt(wire, call, signal);
      const queued = (signal: AbortSignal): Promise<Outcome> => enter(() => tryOnce(signal), signal);
      return request(call, call.isUrgent === true ? tryOnce : queued, wire.closing);
    },
    lines: (call) => apiLines(wire, call),
    metrics: wire.metrics,
    close: wire.close,
  };
}

type Outcome =
  { readonly value: unknown } | { readonly error: ApiError; readonly wasSent: boolean; readonly timedOut: boolean };

/** Retries until the outcome is final; waits outside the limiter, so that throttled calls block no others. */
async function request(
  call: ApiCall,
  tryOnce: (signal: AbortSignal) => Promise<Outcome>,
  closing: AbortSignal,
): Promise<unknown> {
  const stop = deadline(Infinity, [call.signal, closing]);
  let waited = 0;
  try {
    for (let tries = 1; ; tries += 1) {
      const outcome = await tryOnce(stop.signal);
      if ('value' in outcome) return outcome.value;
      const wait = nextTry({ ...outcome, tries, waited, method: call.method }, Math.random());
      if (wait === undefined || stop.signal.aborted) throw outcome.error;
      waited += wait;
      await pause(wait, undefined, { signal: stop.signal });
    }
  } catch (error) {
    throw silence(call, stop.signal.aborted ? reasonOf(stop.signal) : error);
  } finally {
    stop.clear();
  }
}

async function attempt(wire: ApiConnection, call: ApiCall, stop: AbortSignal): Promise<Outcome> {
  const limit = deadline(call.timeout ?? defaultTimeout, [stop]);
  let sent: Sent | undefined;
  try {
    sent = await wire.send('call', call, limit.signal);
    const answer = await sent.answer;
    await call.beforeBody?.(limit.signal);
    const body = await bodyText(call, answer, wire.count);
    if (isSuccess(answer)) return { value: parsed(call, body) };
    return { error: refusal(call, answer, body), wasSent: true, timedOut: false };
  } catch (thrown) {
    const cause = limit.signal.aborted ? reasonOf(limit.signal) : thrown;
    const wasSent = sent?.isConnected() ?? false;
    return { error: silence(call, cause), wasSent, timedOut: cause instanceof TimedOut };
  } finally {
    limit.clear();
  }
}

/** Streams the lines of one answer; the request is destroyed when the caller stops iterating. */
async function* apiLines(wire: ApiConnection, call: ApiCall): AsyncGenerator<string, void, undefined> {
  const limit = deadline(call.timeout ?? defaultTimeout, [call.signal, wire.closing]);
  const isStopped = (): boolean => wire.closing.aborted || call.signal?.aborted === true;
  let sent: Sent | undefined;
  try {
    sent = await wire.send('stream', call, limit.signal);
    const answer = await sent.answer;
    if (!isSuccess(answer)) throw refusal(call, answer, await bodyText(call, answer, wire.count));
    limit.lift();
    yield* linesIn(answer, wire.count);
  } catch (thrown) {
    if (isStopped()) return;
    throw silence(call, limit.signal.aborted ? reasonOf(limit.signal) : thrown);
  } finally {
    limit.clear();
    sent?.request.destroy();
  }
}

/** Decodes chunks to lines; characters and lines may be split between chunks. */
async function* linesIn(
  answer: IncomingMessage,
  count: (bytes: number) => void,
): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  const incoming: AsyncIterable<Buffer> = answer;
  let rest = '';
  for await (const chunk of incoming) {
    count(chunk.length);
    // Searches only the new chunk: an ImageCache with 5,000 nodes is a line of hundreds of chunks.
    const [first = '', ...more] = decoder.write(chunk).split('\n');
    rest += first;
    for (const piece of more) {
      yield rest;
      rest = piece;
    }
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
