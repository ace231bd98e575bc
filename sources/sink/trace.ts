import { randomBytes } from 'node:crypto';

/** A new trace, not sampled: no spans are recorded here, and receivers may decide otherwise. */
export function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}
