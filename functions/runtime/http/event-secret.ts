import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** A secret that senders of events and functions share, and the header that has it: after `Bearer` in Authorization. */
export type EventSecret = { readonly header: string; readonly token: string };

export const secretHeader = ({ header, token }: EventSecret): Readonly<Record<string, string>> => ({
  [header]: header === 'authorization' ? `Bearer ${token}` : token,
});

/** Compares in constant time, so that the duration reveals neither the secret nor its length. */
export function isKnownSender({ headers }: IncomingMessage, secret: EventSecret): boolean {
  const given = headers[secret.header];
  const expected = secretHeader(secret)[secret.header] ?? '';
  return typeof given === 'string' && timingSafeEqual(hash(given), hash(expected));
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
