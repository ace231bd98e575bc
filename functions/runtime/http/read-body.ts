import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Bounds } from '#runtime/bounds.ts';
import { type Answer, later } from './respond.ts';

/**
 * Reads a body, which counts among the bytes that the process holds until the response is closed; an answer if it may not
 * be read. What is larger than allowed is discarded, so that its sender reads the answer; what may be sent again is not read.
 */
export function readBody(request: IncomingMessage, response: ServerResponse, bounds: Bounds): Promise<Buffer | Answer> {
  const refusal = refusalOf(request, bounds) ?? busy(request, response, bounds);
  if (refusal !== undefined) return Promise.resolve(refusal);
  const hold = heldUntilClosed(response, bounds);
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const stop = (answer: Answer): void => {
      request.off('data', read);
      chunks.length = 0;
      resolve(answer);
    };
    const read = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bounds.body_bytes.limit) {
        stop(tooLarge(bounds));
        request.resume();
      } else if (hold(size)) chunks.push(chunk);
      else {
        request.pause();
        stop(closing(response));
      }
    };
    request.on('data', read);
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the sender has hung up')));
  });
}

function refusalOf({ headers }: IncomingMessage, bounds: Bounds): Answer | undefined {
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase();
  // Not inflated: no sender compresses events, and a small body could inflate to a huge one.
  if (encoding !== 'identity')
    return { status: 415, reason: 'compressed bodies are not read: send no Content-Encoding' };
  return Number(headers['content-length'] ?? 0) > bounds.body_bytes.limit ? tooLarge(bounds) : undefined;
}

/** A body for which there is no memory now is refused before it is sent. */
function busy({ headers }: IncomingMessage, response: ServerResponse, bounds: Bounds): Answer | undefined {
  const more = Number(headers['content-length'] ?? 0) - bounds.small_body_bytes.limit;
  const { limit, used, refuse } = bounds.large_bodies_bytes;
  if (more <= 0 || used() + more <= limit) return undefined;
  refuse();
  return closing(response);
}

function closing(response: ServerResponse): Answer {
  response.setHeader('connection', 'close');
  return later('too many large requests at once', 1000);
}

function tooLarge({ body_bytes }: Bounds): Answer {
  body_bytes.refuse();
  return { status: 413, reason: 'the body is larger than 2 MB' };
}

/** Takes what a body of a size has above the small size, which connections bound; gives it back when the response is closed. */
function heldUntilClosed(response: ServerResponse, bounds: Bounds): (size: number) => boolean {
  let held = 0;
  response.once('close', () => {
    bounds.large_bodies_bytes.give(held);
    held = 0;
  });
  return (size) => {
    const more = Math.max(0, size - bounds.small_body_bytes.limit) - held;
    if (more > 0 && !bounds.large_bodies_bytes.take(more)) return false;
    held += Math.max(0, more);
    return true;
  };
}
