import { createHash } from 'node:crypto';

/** A key for things that hold secrets, so that none is kept as the key of a map. */
export const fingerprint = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64');
