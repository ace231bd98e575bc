import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';

export type Received = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string };
export type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type Loopback = {
  readonly url: (path?: string) => URL;
  readonly received: readonly Received[];
  readonly close: () => Promise<void>;
};

/** An HTTP server on a free loopback port that remembers what it got; no reply leaves the request unanswered. */
export async function loopback(reply: (request: Received) => Reply | undefined): Promise<Loopback> {
  const received: Received[] = [];
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const got = { path: request.url ?? '', headers: request.headers, body };
      received.push(got);
      const answer = reply(got);
      if (answer !== undefined) response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  };
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return {
    url: (path = '/') => new URL(path, `http://127.0.0.1:${port}`),
    received,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
