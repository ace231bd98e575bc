import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** An API server behind which Jobs are created slowly; each creation takes so many milliseconds more. */
export async function slowCreation(
  server: string,
  delay: number,
): Promise<{ readonly url: string; readonly created: () => number; readonly close: () => void }> {
  let created = 0;
  const proxy = http.createServer((incoming, outgoing) => {
    void (async () => {
      if (incoming.method === 'POST' && incoming.url?.endsWith('/jobs') === true) {
        await pause(delay);
        created += 1;
      }
      const { method = 'GET', headers } = incoming;
      const sent = http.request(new URL(incoming.url ?? '/', server), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      outgoing.on('close', () => sent.destroy());
      sent.on('error', () => outgoing.destroy());
      incoming.pipe(sent);
    })();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  const { port } = proxy.address() as AddressInfo;
  const close = (): void => {
    proxy.close();
    proxy.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, created: () => created, close };
}
