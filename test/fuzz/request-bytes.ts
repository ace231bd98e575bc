import type { SeededRandom } from '../chaos/seeded-random.ts';
import { goodEvent } from '../functions/runtime/http/good-event.ts';

/** A hostile request as bytes, in the pieces in which they are sent. */
export type Hostile = {
  readonly kind: string;
  readonly pieces: readonly Buffer[];
  /** Whether the request is complete, so that it must be answered. */
  readonly isWhole: boolean;
};

export type Make = (chance: SeededRandom) => Omit<Hostile, 'kind'>;
type Headers = Readonly<Record<string, string>>;

export const structured = 'application/cloudevents+json';
export const batch = 'application/cloudevents-batch+json';
export const functions = ['/reconcile', '/job-complete', '/refresh', '/purge'] as const;

export const text = (changes: object): string => JSON.stringify({ ...goodEvent, ...changes });

/** Without characters that would end the header, which no client can send. */
export const headerText = (value: string): string => value.replace(/\p{Cc}/gu, '').slice(0, 12_000);

export const headersOf = (entries: Iterable<readonly [string, string]>): Headers => Object.fromEntries(entries);

/** Each byte separately. */
export const bytesOf = (request: string): readonly Buffer[] =>
  [...Buffer.from(request)].map((byte) => Buffer.from([byte]));

export const binary = (changes: Headers): Headers =>
  Object.fromEntries(Object.entries({ ...goodEvent, ...changes }).map(([name, value]) => [`ce-${name}`, value]));

export const json = (chance: SeededRandom, body: string): Omit<Hostile, 'kind'> =>
  whole(chance, { 'content-type': structured }, body);

export function whole(
  chance: SeededRandom,
  headers: Headers,
  body: string | Buffer,
  path: string = chance.pick(functions),
): Omit<Hostile, 'kind'> {
  const bytes = Buffer.from(body);
  return { pieces: [Buffer.concat([Buffer.from(headOf(headers, bytes.length, path)), bytes])], isWhole: true };
}

export const one = (request: string): Omit<Hostile, 'kind'> => ({ pieces: [Buffer.from(request)], isWhole: true });

export function headOf(headers: Headers, length: number, path: string): string {
  const lines = Object.entries({ host: 'a', connection: 'close', ...headers, 'content-length': String(length) });
  return `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

export const chunkedHead = (chance: SeededRandom): string =>
  `POST ${chance.pick(functions)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${structured}\r\ntransfer-encoding: chunked\r\n\r\n`;

export const randomBytes = (chance: SeededRandom, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => chance.between(0, 255)));
