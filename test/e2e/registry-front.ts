import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * The program of `startRegistryFront`: a public and a private registry with the images of the lab's open one. It runs in the
 * lab's network and takes commands over its IPC channel.
 */
export type Command =
  | { readonly command: 'on' | 'off' | 'requests' | 'release' }
  | { readonly command: 'hold'; readonly repository: string };

/** A request that a registry has answered. */
export type Received = {
  /** The address of the node that sent it. */
  readonly from: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  /** The account of its credentials, `anonymous` with a token for anyone; undefined without credentials. */
  readonly user?: string;
};

type Registry = {
  readonly port: number;
  readonly challenge: string;
  readonly userOf: (authorization: string) => string | undefined;
};

const address = '172.30.0.1';
const storage = { host: '127.0.0.1', port: 5000 };
const publicPort = 5010;
const privatePort = 5011;
const passwords: ReadonlyMap<string, string> = new Map([
  ['alice', 'a'],
  ['bob', 'b'],
]);

const accountOf = (authorization: string): string | undefined => {
  const [user = '', password] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':');
  return authorization.startsWith('Basic ') && passwords.get(user) === password ? user : undefined;
};

const registries: readonly Registry[] = [
  {
    port: publicPort,
    challenge: `Bearer realm="http://${address}:${publicPort}/token",service="public"`,
    userOf: (authorization) => /^Bearer token-of-(\w+)$/.exec(authorization)?.[1],
  },
  { port: privatePort, challenge: 'Basic realm="private"', userOf: accountOf },
];

const received: Received[] = [];
const held: (() => void)[] = [];
let heldPath: string | undefined;

/** As at Docker Hub: without credentials a token for anyone, with wrong ones none. */
function answerToken({ method, headers }: IncomingMessage, response: ServerResponse): void {
  const user = headers.authorization === undefined ? 'anonymous' : accountOf(headers.authorization);
  if (method !== 'GET')
    response.writeHead(404).end(); // no OAuth 2: containerd repeats the request with GET
  else if (user === undefined) response.writeHead(401).end();
  else response.end(JSON.stringify({ token: `token-of-${user}` }));
}

function forward({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
  const outgoing = request({ ...storage, method, path: url, headers: { accept: headers.accept } }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  outgoing.end();
}

function answer({ port, challenge, userOf }: Registry, incoming: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '', headers, socket } = incoming;
  const user = userOf(headers.authorization ?? '');
  const [path = ''] = url.split('?');
  received.push({ from: socket.remoteAddress ?? '', port, method, path, ...(user === undefined ? {} : { user }) });
  if (path === '/token') answerToken(incoming, response);
  else if (user === undefined) response.writeHead(401, { 'www-authenticate': challenge }).end();
  else if (heldPath !== undefined && path.startsWith(heldPath)) held.push(() => forward(incoming, response));
  else forward(incoming, response);
}

const servers: readonly { readonly port: number; readonly server: Server }[] = registries.map((registry) => ({
  port: registry.port,
  server: createServer((incoming, response) => answer(registry, incoming, response)),
}));

async function obey(order: Command): Promise<readonly Received[]> {
  switch (order.command) {
    case 'on':
      for (const { port, server } of servers) await once(server.listen(port, address), 'listening');
      return [];
    case 'off':
      for (const { server } of servers) {
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
      }
      return [];
    case 'requests':
      return received.splice(0);
    case 'hold':
      heldPath = `/v2/${order.repository}/blobs/`;
      return [];
    case 'release':
      heldPath = undefined;
      for (const proceed of held.splice(0)) proceed();
      return [];
  }
}

process.on('message', (order: Command) => {
  void obey(order).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit());
