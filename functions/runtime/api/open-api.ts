import { setTimeout as pause } from 'node:timers/promises';
import { bodyText, isSuccess, parsed, refusal, silence } from './answer.ts';
import { apiLines } from './lines.ts';
import { apiConnection, defaultTimeout, type ApiConnection } from './connection.ts';
import type { Api, ApiCall, ApiOptions } from './api.ts';
import type { Credentials } from './cluster-source.ts';
import { deadline, reasonOf, TimedOut } from './time-limit.ts';
import type { ApiError } from '#runtime/errors.ts';
import { boundTable } from '#runtime/bounds.ts';
import { boundedLimiter, limiter } from './limiter.ts';
import { nextTry } from './retry-policy.ts';
import type { Sent } from './transport.ts';

/** The client for given credentials; separate from `createApi` to not load the Kubernetes client. Sends nothing before the first call. */
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
    const body = await bodyText(answer, { call, count: wire.count });
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
