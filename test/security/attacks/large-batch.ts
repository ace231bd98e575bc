import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** Attack 8: one POST of a batch of 2 MB, about as many caches as fit, whose sender hangs up after `patience` milliseconds. */
export async function postLargeBatch(url: string, patience: number): Promise<void> {
  const events: string[] = [];
  for (let size = 0; size < 2_000_000; size += (events.at(-1)?.length ?? 0) + 1) events.push(eventAbout(events.length));
  const headers = { 'content-type': 'application/cloudevents-batch+json' };
  const request = http.request(url, { method: 'POST', headers, agent: false });
  request.on('error', () => undefined).on('response', (response) => response.resume());
  request.end(`[${events.join(',')}]`);
  await pause(patience);
  request.destroy();
}

const eventAbout = (number: number): string =>
  JSON.stringify({
    ...{ specversion: '1.0', id: '1', source: '/a', type: 'dev.knative.apiserver.ref.update' },
    ...{ kind: 'ImageCache', apiversion: 'v1', namespace: 'n', name: `c${number}` },
  });
