import http from 'node:http';

export type Seen = {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Which connection it came over, counted from 1. */
  readonly connection: number;
};

export type ScriptedServer = {
  readonly url: string;
  readonly seen: readonly Seen[];
  readonly close: () => Promise<void>;
};

export type Script = (response: http.ServerResponse, seen: Seen, count: number) => void;

/** An HTTP server on loopback that answers as `script` says, which is told how many requests there were. */
export async function scriptedServer(script: Script): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const connections = new Map<unknown, number>();
  const server = http.createServer((request, response) => {
    if (!connections.has(request.socket)) connections.set(request.socket, connections.size + 1);
    const connection = connections.get(request.socket) ?? 0;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, path: url, headers, body: Buffer.concat(chunks).toString('utf8'), connection };
      seen.push(one);
      script(response, one, seen.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An answer in JSON. */
export function answer(
  response: http.ServerResponse,
  status: number,
  body: unknown,
  headers: http.OutgoingHttpHeaders = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
