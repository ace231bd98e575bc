import http, { type RequestListener } from 'node:http';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { liveness } from './liveness.ts';

const probe = { period: 10, timeout: 10_000, failureThreshold: 3 };

/** A process that listens until the test has ended. */
async function listening(listener: RequestListener): Promise<{ readonly port: number; readonly end: () => void }> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  const end = (): void => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(end);
  await once(server, 'listening');
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, end };
}

it.each([
  [0, true],
  [2, true],
  [3, false],
])('a process that fails %i probes in a row is left running: %s', async (failed, held) => {
  let count = 0;
  const { port } = await listening((_request, response) => {
    count += 1;
    response.writeHead(count > failed ? 200 : 503).end();
  });
  const detail = held ? 'probes are answered' : 'no probe is answered any more: 503';
  expect(await liveness(port, probe)).toEqual({ held, detail });
});

it('a process that answers no probe in time is not left running', async () => {
  const { port } = await listening(() => undefined);
  const detail = 'no probe is answered any more: Error: no answer within 0.05 s';
  expect(await liveness(port, { ...probe, timeout: 50 })).toEqual({ held: false, detail });
});

it('a process that has ended is not tried again, as something may have restarted it by then', async () => {
  const { port, end } = await listening(() => undefined);
  end();
  expect(await liveness(port, { ...probe, period: 60_000 })).toMatchObject({ held: false });
});
