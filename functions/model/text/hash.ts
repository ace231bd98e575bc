import { BoundedMap } from './bounded-map.ts';
import { createHash } from 'node:crypto';

/**
 * The first `length` hex digits of a SHA-256 over the parts. They are encoded as JSON, so that ('ab', 'c') and ('a',
 * 'bc') differ.
 */
export function hash(length: number, ...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, length);
}

/** A hash of 32 bits, where a collision does no harm: FNV-1a over code points. */
export function hash32(text: string): number {
  let value = 2_166_136_261;
  for (const letter of text) value = Math.imul(value ^ (letter.codePointAt(0) ?? 0), 16_777_619);
  return value >>> 0;
}

/** Returns the value that was created first for a key. */
export type Interner<Value> = (key: string, create: () => Value) => Value;

/**
 * Creates one value per key, which all callers share: thousands of nodes report the same images, and a copy for each
 * would need too much memory. Forgets the oldest keys once there are more than `most`.
 */
export function interned<Value>(most = Infinity): Interner<Value> {
  const values = new BoundedMap<string, { readonly value: Value }>(most);
  return (key, create) => {
    const existing = values.get(key);
    if (existing !== undefined) return existing.value;
    const created = { value: create() };
    values.set(key, created);
    return created.value;
  };
}
