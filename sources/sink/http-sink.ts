import { readFile } from 'node:fs/promises';
import { HTTP, type CloudEvent } from 'cloudevents';
import { type EventSecret, secretHeader } from '#runtime/http/site.ts';
import type { FunctionName } from '#model/cache/cloud-event.ts';
import { DeliveryFailed, DeliveryRefused, sinkPerFunction, type Sink } from './sink.ts';
import * as http from 'node:http';
import * as https from 'node:https';
import { getCACertificates } from 'node:tls';
import { retryAfter } from '#runtime/api/answer.ts';
import { deadline } from '#runtime/api/limits.ts';

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

export type Answer = {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** The first 1,024 characters of the body. */
  readonly text: string;
};

export type Message = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Aborts the request. */
  readonly signal: AbortSignal;
};

export type Post = (url: URL, message: Message) => Promise<Answer>;

export type PosterOptions = { readonly timeout: number; readonly caCertificates?: string };

/** POST over keep-alive connections; rejects on a timeout. node:https, because fetch accepts no additional certificate authorities. */
export function createPoster({ timeout, caCertificates }: PosterOptions): Post {
  const ca = caCertificates === undefined ? {} : { ca: [...getCACertificates('default'), caCertificates] };
  const plain = new http.Agent({ keepAlive: true });
  const secure = new https.Agent({ keepAlive: true, ...ca });
  return async (url, { headers, body, signal }) => {
    const limit = deadline(timeout, [signal]);
    const options = {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal: limit.signal,
    };
    const request =
      url.protocol === 'https:'
        ? https.request(url, { ...options, agent: secure })
        : http.request(url, { ...options, agent: plain });
    return await answerTo(request, body).finally(limit.clear);
  };
}

function answerTo(request: http.ClientRequest, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      read(response).then((text) => {
        resolve({
          status: response.statusCode ?? 0,
          retryAfterMs: retryAfter(response.headers['retry-after'], Date.now()),
          text,
        });
      }, reject);
    });
    request.end(body);
  });
}

async function read(response: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) if (text.length < 1024) text += String(chunk);
  return text.slice(0, 1024);
}
