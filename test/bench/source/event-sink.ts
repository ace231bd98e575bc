import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import * as z from 'zod/mini';

/** An event as it came: all the objects that it names, and when. */
export type Received = { readonly names: readonly string[]; readonly isAll: boolean; readonly at: number };

/** Takes every CloudEvent that is POSTed, as a function that has nothing to do would. */
export type EventSink = {
  readonly url: string;
  readonly received: () => readonly Received[];
  readonly close: () => Promise<void>;
};

const reference = z.object({ kind: z.string(), namespace: z.string(), name: z.string() });
const body = z.object({ changed: z.optional(z.union([z.literal('all'), z.array(reference)])) });

/** The Jobs that an event names: its own object, and those that our source gathers in it. */
export function namesIn(headers: Readonly<Record<string, unknown>>, data: string): Omit<Received, 'at'> {
  const { changed } = data === '' ? {} : body.parse(JSON.parse(data));
  const others = changed === undefined || changed === 'all' ? [] : changed;
  const own = { kind: headers['ce-kind'], name: headers['ce-name'] };
  const names = [own, ...others].flatMap(({ kind, name }) =>
    kind === 'Job' && typeof name === 'string' ? [name] : [],
  );
  return { names: [...new Set(names)], isAll: changed === 'all' };
}

export async function eventSink(): Promise<EventSink> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const at = performance.now();
    void text(request).then((data) => {
      received.push({ ...namesIn(request.headers, data), at });
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received: () => received,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
