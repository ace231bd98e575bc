import { readFile } from 'node:fs/promises';
import { HTTP, type CloudEvent } from 'cloudevents';
import type { FunctionName } from '#model/cache/cloud-event.ts';
import { createPoster, type Answer } from './post.ts';
import { DeliveryFailed, DeliveryRefused, sinkPerFunction, type Sink } from './sink.ts';

export type HttpSinkOptions = {
  /** Extensions that are set on every event, over those it has (K_CE_OVERRIDES). */
  readonly extensions?: Readonly<Record<string, string>>;
  /** PEM of authorities that are trusted beside the usual ones (K_CA_CERTS). */
  readonly caCertificates?: string;
  /** File with a bearer token, read again at each send, as it is replaced before it expires. Default `/oidc/token`; need not exist. */
  readonly tokenFile?: string;
  /** Milliseconds until an answer is given up. Default 60,000: a Broker may answer only when all its triggers have. */
  readonly timeout?: number;
};

/** Sends every event to one place that knows where it belongs, such as a Knative Broker. */
export function brokerSink(url: URL, options: HttpSinkOptions = {}): Sink {
  const send = sender(options);
  return (event, _kind, signal) => send(event, url, signal);
}

/** Sends every event to each function it concerns, at the function's own address; functions without one get none. */
export function routeSink(
  addresses: Readonly<Partial<Record<FunctionName, URL>>>,
  options: HttpSinkOptions = {},
): Sink {
  const send = sender(options);
  return sinkPerFunction(async (event, name, signal) => {
    const url = addresses[name];
    if (url !== undefined) await send(event, url, signal);
  });
}

type Send = (event: CloudEvent<unknown>, url: URL, signal: AbortSignal) => Promise<void>;

function sender(options: HttpSinkOptions): Send {
  const { extensions = {}, caCertificates, tokenFile = '/oidc/token', timeout = 60_000 } = options;
  const post = createPoster({ timeout, ...(caCertificates === undefined ? {} : { caCertificates }) });
  return async (event, url, signal) => {
    const message = HTTP.binary(event.cloneWith(extensions));
    const authorization = await bearer(tokenFile);
    const headers = { ...textual(message.headers), ...authorization };
    const body = typeof message.body === 'string' ? message.body : '';
    const answer = await post(url, { headers, body, signal }).catch((cause: unknown) => {
      throw new DeliveryFailed(`POST ${url.href}: no answer`, undefined, { cause });
    });
    settle(answer, url);
  };
}

/** Answers that say the event itself is no good; a wrong token or a missing receiver can be put right, so those come again. */
const refusals = [400, 413, 415, 422];

function settle({ status, retryAfterMs, text }: Answer, url: URL): void {
  if (status >= 200 && status < 300) return;
  const message = `POST ${url.href}: ${status} ${text}`.trim();
  throw refusals.includes(status) ? new DeliveryRefused(message) : new DeliveryFailed(message, retryAfterMs);
}

async function bearer(file: string): Promise<Readonly<Record<string, string>>> {
  const token = await readFile(file, 'utf8').catch(() => '');
  return token.trim() === '' ? {} : { authorization: `Bearer ${token.trim()}` };
}

const textual = (headers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
