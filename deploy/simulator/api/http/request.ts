import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { StatusError, badRequest, unsupportedMedia } from '../status-error.ts';
import type { JsonObject } from '../../json.ts';

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

const read = async (message: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk instanceof Uint8Array ? chunk : String(chunk));
    size += bytes.length;
    if (size <= limit) chunks.push(bytes);
  }
  if (size > limit) throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);
  return Buffer.concat(chunks);
};

const parse = (bytes: Buffer, type: string, method: string): unknown => {
  if (bytes.length === 0) return undefined;
  // An unknown kind of patch is refused where the kinds are known.
  if (method === 'PATCH' && !/[/+](json|yaml)$/.test(type)) return undefined;
  if (!/[/+](json|yaml)$/.test(type)) throw unsupportedMedia(['application/json', 'application/yaml']);
  const text = bytes.toString('utf8');
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
  // A real API server takes a body without a type for JSON, and browsers can send one to any host.
  const [type = ''] = (message.headers['content-type'] ?? '').split(';');
  const bytes = await read(message);
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    accept: message.headers.accept ?? '',
    contentType: type.trim(),
    userAgent: message.headers['user-agent'] ?? '',
    body: parse(bytes, type.trim(), message.method ?? 'GET'),
  };
};

/** An answer that is ready to be sent. */
export type Answer = {
  readonly status: number;
  readonly body: JsonObject | string;
  readonly warnings?: readonly string[];
};

export const json = (body: JsonObject, status = 200, warnings: readonly string[] = []): Answer => ({
  status,
  body,
  warnings,
});

/** The headers that carry warnings: kubectl prints them. */
export const warningHeaders = (warnings: readonly string[]): string[] =>
  warnings.map((text) => `299 - "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
