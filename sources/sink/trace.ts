import { randomBytes } from 'node:crypto';

/** A trace of its own, not sampled: nobody here records spans, and what comes after it decides for itself. */
export function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}
