import type { CloudEvent } from 'cloudevents';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import { notice } from '#model/cache/cloud-event.ts';
import { startKubernetesSource } from '../../../sources/kubernetes/source.ts';
import { inMemoryApi, type InMemoryApi } from '../../support/api/in-memory-api.ts';
import { fakeClock } from '../../support/fake-clock.ts';

type Workloads = NonNullable<Parameters<typeof startKubernetesSource>[0]['workloads']>;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Starts a source that has sent its first events; `sent` returns what it has sent since it was last called. */
export async function startedSource(workloads: Workloads, prepare: (api: InMemoryApi) => void = () => undefined) {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const [api, clock] = [inMemoryApi(), fakeClock()];
  prepare(api);
  const events: CloudEvent<unknown>[] = [];
  const source = startKubernetesSource({
    ...{ api, clock, log, workloads },
    sink: (event) => {
      events.push(event);
      return Promise.resolve();
    },
  });
  stops.push(source.stop);
  await clock.advance(10_000);
  events.splice(0);
  const sent = () => events.splice(0).map(notice);
  return { api, clock, source, sent, lines };
}
