import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { StatusError, badRequest, unsupportedMedia } from '../status-error.ts';

export type ApiRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly contentType: string;
  readonly userAgent: string;
  /** The parsed body; undefined where there is none. */
  readonly body: unknown;
};

const limit = 3 * 1024 * 1024;

const read = async (message: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk instanceof Uint8Array ? chunk : String(chunk));
    size += bytes.length;
    if (size <= limit) chunks.push(bytes);
  }
  if (size > limit) throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);
  return Buffer.concat(chunks).toString('utf8');
};

const parse = (text: string, type: string): unknown => {
  if (text === '') return undefined;
  if (type.includes('protobuf') || type.includes('cbor'))
    throw unsupportedMedia(['application/json', 'application/yaml']);
  try {
    return type.endsWith('yaml') ? parseYaml(text) : JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `error decoding the body of the request: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
};

/** A request with its body read and parsed. Throws 400, 413 or 415. */
export const readRequest = async (message: IncomingMessage): Promise<ApiRequest> => {
  const url = new URL(message.url ?? '/', 'http://localhost');
  const [type = ''] = (message.headers['content-type'] ?? 'application/json').split(';');
  const text = await read(message);
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    accept: message.headers.accept ?? '',
    contentType: type.trim(),
    userAgent: message.headers['user-agent'] ?? '',
    body: parse(text, type.trim()),
  };
};
