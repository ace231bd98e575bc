import { setTimeout as pause } from 'node:timers/promises';
import { bodyText, isSuccess, parsed, refusal, silence } from './api-answer.ts';
import { apiLines } from './api-lines.ts';
import { apiWire, defaultTimeout, type Wire } from './api-wire.ts';
import { type ClusterSource, loadCredentials } from './credentials.ts';
import { deadline, reasonOf, TimedOut } from './deadline.ts';
import type { ApiError } from './errors.ts';
import { gate } from './gate.ts';
import { nextTry } from './retry-policy.ts';
import type { Sent } from './transport.ts';

/** The only socket to the API server: authentication, TLS, time-outs, 429 and streams. */
export type ApiCall = {
  readonly method: Method;
  /** Path with query, as in `/api/v1/nodes?limit=250`. */
  readonly path: string;
  readonly body?: unknown;
  /** Default `application/json`; a PATCH names its kind here. */
  readonly contentType?: string;
  readonly accept?: string;
  /** Milliseconds until one try is given up, from connecting to the last byte; of a stream, to the head of the answer. Default 30,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Waits for no other call: a Lease is lost if its renewal stands in line behind a thousand Jobs. */
  readonly isUrgent?: boolean;
};

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Api = {
  readonly server: string;
  /** Name of the kubeconfig's context; 'in-cluster' inside a pod. */
  readonly context: string;
  /** The namespace this process belongs to: the pod's, or the context's, or `default`. */
  readonly namespace: string;
  /** The parsed JSON answer. Throws `ApiError` for anything but 2xx, after having retried what is safe to retry. */
  readonly request: (call: ApiCall) => Promise<unknown>;
  /**
   * The lines of a streamed answer (a watch), as they come; ends when the server ends it, or quietly when the signal fires.
   * Throws `ApiError` if the answer is not 2xx or the stream breaks. A stream lasts, so its silence is for the caller to judge.
   */
  readonly lines: (call: ApiCall) => AsyncIterable<string>;
  readonly metrics: () => ApiMetrics;
  /** Ends every call and stream; none can be made afterwards. */
  readonly close: () => void;
};

/** What this process asked of the API server so far; every try counts, a watch as a GET. */
export type ApiMetrics = {
  readonly calls: Readonly<Record<Method, number>>;
  /** Bytes of answers as they crossed the wire, before they were unzipped. */
  readonly bytesRead: number;
};

/** One try of a call, a watch included. */
export type CallResult = {
  readonly method: Method;
  readonly path: string;
  /** HTTP status; undefined where no answer came. */
  readonly code: number | undefined;
  /** From sending to the head of the answer. */
  readonly seconds: number;
};

export type ApiOptions = {
  /** Most calls at once; streams do not count. Default 32. */
  readonly concurrency?: number;
  /** Hears of every try. */
  readonly onCall?: (result: CallResult) => void;
};

const defaultConcurrency = 32;

/** Connects to the cluster that `source` names; nothing is sent before the first call. Throws `ConfigError` if it names none. */
export function createApi(source: ClusterSource, options: ApiOptions = {}): Api {
  const credentials = loadCredentials(source);
  const wire = apiWire(credentials, options.onCall);
  const enter = gate(options.concurrency ?? defaultConcurrency);
  return {
    server: credentials.server.href.replace(/\/$/, ''),
    context: credentials.context,
    namespace: credentials.namespace,
    request: (call) => {
      const tryOnce = (signal: AbortSignal): Promise<Outcome> => attempt(wire, call, signal);
      const inLine = (signal: AbortSignal): Promise<Outcome> => enter(() => tryOnce(signal), signal);
      return request(call, call.isUrgent === true ? tryOnce : inLine, wire.closing);
    },
    lines: (call) => apiLines(wire, call),
    metrics: wire.metrics,
    close: wire.close,
  };
}

type Outcome =
  { readonly value: unknown } | { readonly error: ApiError; readonly wasSent: boolean; readonly timedOut: boolean };

/** Tries until an answer is final, waiting outside the gate so that a throttled call holds up no other. */
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

async function attempt(wire: Wire, call: ApiCall, stop: AbortSignal): Promise<Outcome> {
  const limit = deadline(call.timeout ?? defaultTimeout, [stop]);
  let sent: Sent | undefined;
  try {
    sent = await wire.send('call', call, limit.signal);
    const answer = await sent.answer;
    const body = await bodyText(answer, wire.count);
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
