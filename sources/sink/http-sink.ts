import { readFile } from 'node:fs/promises';
import { HTTP, type CloudEvent } from 'cloudevents';
import { type EventSecret, secretHeader } from '#runtime/http/event-secret.ts';
import type { FunctionName } from '#model/cache/cloud-event.ts';
import { createPoster, type Answer } from './post.ts';
import { DeliveryFailed, DeliveryRefused, sinkPerFunction, type Sink } from './sink.ts';

export type HttpSinkOptions = {
  /** Extensions set on every event, overriding its own (K_CE_OVERRIDES). */
  readonly extensions?: Readonly<Record<string, string>>;
  /** PEM of additional certificate authorities (K_CA_CERTS). */
  readonly caCertificates?: string;
  /** File with a bearer token, read for each request because it is rotated. Default `/oidc/token`; optional. */
  readonly tokenFile?: string;
  /** What the functions expect; takes precedence over the token file. */
  readonly secret?: EventSecret | undefined;
  /** Milliseconds to wait for a response. Default 60,000: a Broker may respond only after all its triggers. */
  readonly timeout?: number;
};

/** Sends every event to one receiver that dispatches it, such as a Knative Broker. */
export function brokerSink(url: URL, options: HttpSinkOptions = {}): Sink {
  const send = sender(options);
  return (event, _kind, signal) => send(event, url, signal);
}

/** Sends every event to the address of each function it concerns; functions without an address are skipped. */
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
  const { extensions = {}, caCertificates, tokenFile = '/oidc/token', timeout = 60_000, secret } = options;
  const post = createPoster({ timeout, ...(caCertificates === undefined ? {} : { caCertificates }) });
  return async (event, url, signal) => {
    const message = HTTP.binary(event.cloneWith(extensions));
    const authorization = { ...(await bearer(tokenFile)), ...(secret && secretHeader(secret)) };
    const headers = { ...textual(message.headers), ...authorization };
    const body = typeof message.body === 'string' ? message.body : '';
    const answer = await post(url, { headers, body, signal }).catch((cause: unknown) => {
      throw new DeliveryFailed(`POST ${url.href}: no answer`, undefined, { cause });
    });
    settle(answer, url);
  };
}

/** Status codes that refuse the event itself; with others, such as a wrong token or a missing receiver, a retry may succeed. */
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
