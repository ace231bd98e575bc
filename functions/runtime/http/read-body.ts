import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Bounds } from '#runtime/bounds.ts';
import { type Answer, later } from './respond.ts';

type Incoming = { readonly request: IncomingMessage; readonly response: ServerResponse; readonly bounds: Bounds };

/**
 * Reads a body and returns what `handle` answers to it; or an answer if it may not be read. It counts among the bytes that the
 * process holds until then, not until the answer is sent, which may have to wait for an earlier one of the connection.
 */
export async function readBody(incoming: Incoming, handle: (body: Buffer) => Promise<Answer>): Promise<Answer> {
  const refusal = refusalOf(incoming.request, incoming.bounds) ?? busy(incoming);
  if (refusal !== undefined) return refusal;
  const hold = createHold(incoming.bounds);
  try {
    const body = await read(incoming, hold);
    return Buffer.isBuffer(body) ? await handle(body) : body;
  } finally {
    hold.give();
  }
}

/** What is larger than allowed is discarded, so that its sender reads the answer; what may be sent again is not read. */
function read({ request, response, bounds }: Incoming, hold: Hold): Promise<Buffer | Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const stop = (answer: Answer): void => {
      request.off('data', take);
      chunks.length = 0;
      resolve(answer);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bounds.body_bytes.limit) {
        stop(tooLarge(bounds));
        request.resume();
      } else if (hold.take(size)) chunks.push(chunk);
      else {
        request.pause();
        stop(closing(response));
      }
    };
    request.on('data', take);
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
function busy({ request, response, bounds }: Incoming): Answer | undefined {
  const more = Number(request.headers['content-length'] ?? 0) - bounds.small_body_bytes.limit;
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

type Hold = {
  /** Takes what a body of a size has above the small size, which connections bound. */
  readonly take: (size: number) => boolean;
  readonly give: () => void;
};

function createHold({ large_bodies_bytes, small_body_bytes }: Bounds): Hold {
  let held = 0;
  return {
    take: (size) => {
      const more = Math.max(0, size - small_body_bytes.limit) - held;
      if (more > 0 && !large_bodies_bytes.take(more)) return false;
      held += Math.max(0, more);
      return true;
    },
    give: () => large_bodies_bytes.give(held),
  };
}
