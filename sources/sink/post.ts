import * as http from 'node:http';
import * as https from 'node:https';
import { getCACertificates } from 'node:tls';
import { retryAfter } from '#runtime/api/answer.ts';
import { deadline } from '#runtime/api/limits.ts';

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
