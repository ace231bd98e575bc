import { createHash } from 'node:crypto';

/**
 * The first `length` hex digits of a SHA-256 over the parts. They are encoded as JSON, so that ('ab', 'c') and ('a',
 * 'bc') differ.
 */
export function hash(length: number, ...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, length);
}
