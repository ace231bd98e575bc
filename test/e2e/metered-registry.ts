import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

/**
 * The program of a registry with the images of the lab's open one that serves so many manifests in a window, as Docker Hub
 * does: it says how many are left, and answers 429 to more. A HEAD costs nothing. It runs in the lab's network and takes
 * commands over its IPC channel: `use up` what is left now, or only to report.
 */
export type Command = 'use up' | 'report';
export type Report = {
  /** Manifests that were served to nodes. */
  readonly served: number;
  /** Requests that were answered with 429: questions of functions, and pulls of nodes. */
  readonly throttled: { readonly questions: number; readonly pulls: number };
};

const address = '172.30.0.1';
const port = 5012;
const storage = { host: '127.0.0.1', port: 5000 };
const limit = 100;
const windowSeconds = 60;

let used = 0;
let windowEnd = 0;
let served = 0;
const throttled = { questions: 0, pulls: 0 };

const secondsLeft = (): number => Math.max(1, Math.ceil((windowEnd - Date.now()) / 1000));

/** A window begins with the first manifest after the last one. */
function use(count: number): void {
  if (Date.now() >= windowEnd) [used, windowEnd] = [0, Date.now() + windowSeconds * 1000];
  used += count;
}

function forward({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
  const outgoing = request({ ...storage, method, path: url, headers: { accept: headers.accept } }, (answer) => {
    const left = Date.now() >= windowEnd ? limit : limit - used;
    response.writeHead(answer.statusCode ?? 502, {
      ...answer.headers,
      'ratelimit-limit': `${limit};w=${windowSeconds}`,
      'ratelimit-remaining': `${left};w=${windowSeconds}`,
    });
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  outgoing.end();
}

const server = createServer((incoming, response) => {
  const { method = '', url = '', socket } = incoming;
  const isManifest = url.includes('/manifests/');
  if (isManifest && Date.now() < windowEnd && used >= limit) {
    throttled[socket.remoteAddress === address ? 'questions' : 'pulls'] += 1;
    response.writeHead(429, { 'retry-after': String(secondsLeft()) }).end();
    return;
  }
  if (isManifest && method === 'GET') {
    use(1);
    served += 1;
  }
  forward(incoming, response);
});

process.on('message', (command: Command) => {
  if (command === 'use up') use(limit);
  process.send?.({ served, throttled } satisfies Report);
});
process.on('disconnect', () => process.exit());
await once(server.listen(port, address), 'listening');
process.send?.('started');
