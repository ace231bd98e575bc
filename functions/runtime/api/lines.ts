import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { bodyText, isSuccess, refusal, silence } from './answer.ts';
import type { ApiCall } from './api.ts';
import { defaultTimeout, type ApiConnection } from './connection.ts';
import { deadline, reasonOf } from './time-limit.ts';
import type { Sent } from './transport.ts';

/** Streams the lines of one answer; the request is destroyed when the caller stops iterating. */
export async function* apiLines(wire: ApiConnection, call: ApiCall): AsyncGenerator<string, void, undefined> {
  const limit = deadline(call.timeout ?? defaultTimeout, [call.signal, wire.closing]);
  const isStopped = (): boolean => wire.closing.aborted || call.signal?.aborted === true;
  let sent: Sent | undefined;
  try {
    sent = await wire.send('stream', call, limit.signal);
    const answer = await sent.answer;
    if (!isSuccess(answer)) throw refusal(call, answer, await bodyText(answer, { call, count: wire.count }));
    limit.lift();
    yield* lines(answer, wire.count);
  } catch (thrown) {
    if (isStopped()) return;
    throw silence(call, limit.signal.aborted ? reasonOf(limit.signal) : thrown);
  } finally {
    limit.clear();
    sent?.request.destroy();
  }
}

/** Decodes chunks to lines; characters and lines may be split between chunks. */
async function* lines(
  answer: IncomingMessage,
  count: (bytes: number) => void,
): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  const incoming: AsyncIterable<Buffer> = answer;
  let rest = '';
  for await (const chunk of incoming) {
    count(chunk.length);
    // Searches only the new chunk: an ImageCache with 5,000 nodes is a line of hundreds of chunks.
    const [first = '', ...more] = decoder.write(chunk).split('\n');
    rest += first;
    for (const piece of more) {
      yield rest;
      rest = piece;
    }
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
