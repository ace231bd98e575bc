import http, { type IncomingHttpHeaders, type Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { routes, type FunctionName } from '#model/cache/cloud-event.ts';
import type { SeededRandom } from './seeded-random.ts';
import { postTo, type Address } from './post-event.ts';

/** Probabilities of the faults of a Broker. */
export type DeliveryFaults = { readonly lost: number; readonly doubled: number; readonly delayed: number };

export const noDeliveryFaults: DeliveryFaults = { lost: 0, doubled: 0, delayed: 0 };

export type BrokerOptions = {
  readonly port: number;
  readonly addressOf: (name: FunctionName) => Address;
  readonly deliveryFaults: () => DeliveryFaults;
  readonly chance: SeededRandom;
  /** The factor of its delays. */
  readonly pace: number;
};

/** A minimal Broker that accepts every event and delivers it to its functions late, twice, out of order, or not at all. */
export function startBroker(options: BrokerOptions): Server {
  const server = http.createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (text: string) => (body += text));
    request.on('end', () => {
      response.writeHead(202).end();
      const headers = eventHeaders(request.headers);
      for (const name of routes(headers['ce-kind'] ?? '', headers['ce-removal'] === 'true'))
        void deliver(options, name, { headers, body });
    });
  });
  return server.listen(options.port);
}

type Message = { readonly headers: Readonly<Record<string, string>>; readonly body: string };

async function deliver(options: BrokerOptions, name: FunctionName, message: Message): Promise<void> {
  const { chance, deliveryFaults, pace } = options;
  const { lost, doubled, delayed } = deliveryFaults();
  if (chance.is(lost)) return;
  const copies = chance.is(doubled) ? 2 : 1;
  await Promise.all(
    Array.from({ length: copies }, async () => {
      if (chance.is(delayed)) await pause(chance.between(100, 20_000) * pace);
      await send(options, name, message);
    }),
  );
}

/** Retries a few times, then drops the event as a dead letter, as with Knative. */
async function send({ addressOf }: BrokerOptions, name: FunctionName, { headers, body }: Message): Promise<void> {
  for (let tries = 1; tries <= 8; tries += 1) {
    const status = await postTo(addressOf(name), headers, body);
    if (status !== 0 && status < 429) return;
    await pause(200 * 2 ** tries);
  }
}

const eventHeaders = (headers: IncomingHttpHeaders): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      (name.startsWith('ce-') || name === 'content-type') && typeof value === 'string' ? [[name, value]] : [],
    ),
  );
