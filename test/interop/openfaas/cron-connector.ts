import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod/mini';

const stack = z.object({
  functions: z.record(z.string(), z.object({ annotations: z.optional(z.record(z.string(), z.unknown())) })),
});

/** The functions with a schedule in stack.yml. */
export async function calledByCron(): Promise<readonly string[]> {
  const { functions } = stack.parse(parse(await readFile(join(import.meta.dirname, '../../../stack.yml'), 'utf8')));
  return Object.entries(functions).flatMap(([name, { annotations }]) =>
    annotations?.['topic'] === 'cron-function' && annotations['schedule'] !== undefined ? [name] : [],
  );
}

export type CronConnector = { readonly port: number; readonly close: () => void };

/** Calls all functions with a schedule like OpenFaaS' cron-connector, by an empty POST through the gateway, at each POST to it instead of by the clock. Answers with the worst status. */
export async function startCronConnector(gateway: () => number): Promise<CronConnector> {
  const names = await calledByCron();
  const server = createServer((asked, response) => {
    asked.resume();
    void Promise.all(names.map((name) => called(gateway(), name)))
      .then((statuses) => response.writeHead(Math.max(...statuses)).end())
      .catch(() => response.writeHead(503).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function called(port: number, name: string): Promise<number> {
  const headers = { 'user-agent': 'Go-http-client/1.1', 'x-connector': 'cron-connector', 'x-topic': 'cron-function' };
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = request({ host: '127.0.0.1', port, method: 'POST', path: `/function/${name}`, headers });
  sent.once('error', reject);
  sent.once('response', (response) => {
    response.resume().once('end', () => resolve(response.statusCode ?? 0));
  });
  sent.end();
  return promise;
}
