import { describe, expect, it } from 'vitest';
import { workloadKinds } from '#model/workload/workload.ts';
import { refusal, type InMemoryApi } from '../../support/api/in-memory-api.ts';
import { imageCache } from '../objects.ts';
import { startedSource } from './started-source.ts';

const kinds = workloadKinds.filter(({ kind }) => kind === 'Deployment' || kind === 'Pod');

const cacheOf = (name: string, imagesFrom: object, status: object = {}): object =>
  imageCache({ name, uid: `uid-of-${name}`, resourceVersion: '1' }, { spec: { cacheSpec: [{ imagesFrom }] }, status });

const deployment = (image: string, labels: object = { app: 'web' }, namespace = 'apps'): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace, labels },
  spec: { replicas: 1, template: { spec: { containers: [{ name: 'c', image }] } } },
});

const ofWeb = { kinds: ['Deployment'], selector: { matchLabels: { app: 'web' } } };

/** A source that has sent its first events, and what it sends since. */
async function world(prepare: (api: InMemoryApi) => void) {
  const started = await startedSource({ kinds, roundInterval: 30_000 }, prepare);
  const told = (): readonly string[] =>
    started
      .sent()
      .map((sent) => (sent.type === 'change' ? `${sent.verb} ${sent.object.kind} ${sent.object.name}` : sent.type));
  return { ...started, told };
}

describe('a changed workload', () => {
  it.each([
    ['names another image', deployment('web:2')],
    ['is selected no more', deployment('web:1', { app: 'db' })],
    [
      'needs another secret',
      {
        ...deployment('web:1'),
        spec: { template: { spec: { containers: [{ image: 'web:1' }], imagePullSecrets: [{ name: 's' }] } } },
      },
    ],
    [
      'may run elsewhere',
      {
        ...deployment('web:1'),
        spec: { template: { spec: { containers: [{ image: 'web:1' }], nodeSelector: { pool: 'a' } } } },
      },
    ],
  ])('is reported as a change of the cache that selects it if it %s', async (_, after) => {
    const { api, clock, told } = await world((prepared) => {
      prepared.apply(cacheOf('web', ofWeb));
      prepared.apply(cacheOf('db', { kinds: ['Deployment'], selector: { matchLabels: { app: 'mysql' } } }));
      prepared.apply(cacheOf('pods', { kinds: ['Pod'] }));
      prepared.apply(imageCache({ name: 'list' }));
      prepared.apply(deployment('web:1'));
    });
    api.apply(after);
    await clock.advance(2_000);
    expect(told()).toEqual(['update ImageCache web']);
  });

  it('is reported when it is added and deleted, and not when it is scaled or in another namespace', async () => {
    const { api, clock, told } = await world((prepared) => {
      prepared.apply(cacheOf('web', ofWeb));
    });
    api.apply(deployment('web:1', { app: 'web' }, 'others'));
    await clock.advance(2_000);
    expect(told()).toEqual([]);
    api.apply(deployment('web:1'));
    await clock.advance(2_000);
    expect(told()).toEqual(['update ImageCache web']);
    api.apply({ ...deployment('web:1'), status: { replicas: 3 } });
    await clock.advance(2_000);
    expect(told()).toEqual([]);
    api.remove('/apis/apps/v1/namespaces/apps/deployments/web');
    await clock.advance(2_000);
    expect(told()).toEqual(['update ImageCache web']);
  });

  it('is reported once for all that change within the interval between rounds', async () => {
    const { api, clock, told } = await world((prepared) => {
      prepared.apply(cacheOf('web', ofWeb));
      prepared.apply(deployment('web:0'));
    });
    const round = { number: 2, operation: 'Update', generation: 1, trigger: 'Workloads' };
    api.apply(cacheOf('web', ofWeb, { round: { ...round, startTime: new Date(clock.now()).toISOString() } }));
    for (let second = 1; second <= 25; second += 1) {
      api.apply(deployment(`web:${second}`));
      await clock.advance(1_000);
    }
    expect(told()).toEqual([]);
    await clock.advance(7_000);
    expect(told()).toEqual(['update ImageCache web']);
  });
});

describe('a workload that changes while a round opens', () => {
  it('is reported when the next one may open', async () => {
    const { api, clock, told } = await world((prepared) => {
      prepared.apply(cacheOf('web', ofWeb));
      prepared.apply(deployment('web:1'));
    });
    api.apply(deployment('web:2'));
    await clock.advance(1_500);
    expect(told()).toEqual(['update ImageCache web']);
    api.apply(deployment('web:3'));
    await clock.advance(100);
    const round = { number: 2, operation: 'Update', generation: 1, trigger: 'Workloads' };
    api.apply(cacheOf('web', ofWeb, { round: { ...round, startTime: new Date(clock.now()).toISOString() } }));
    await clock.advance(25_000);
    expect(told()).toEqual([]);
    await clock.advance(7_000);
    expect(told()).toEqual(['update ImageCache web']);
  });
});

describe('a round that a clock which was ahead has opened', () => {
  it('does not keep a changed workload from being reported', async () => {
    const { api, clock, told } = await world((prepared) => {
      prepared.apply(cacheOf('web', ofWeb));
      prepared.apply(deployment('web:1'));
    });
    const round = { number: 2, operation: 'Update', generation: 1, trigger: 'Workloads' };
    const startTime = new Date(clock.now() + 60 * 86_400_000).toISOString();
    api.apply(cacheOf('web', ofWeb, { round: { ...round, startTime } }));
    api.apply(deployment('web:2'));
    await clock.advance(2_000);
    expect(told()).toEqual(['update ImageCache web']);
  });
});

describe('a kind that cannot be watched', () => {
  it.each([
    [403, 'Forbidden'],
    [404, 'NotFound'],
  ])('holds up nothing else when refused with %i', async (status, reason) => {
    const { api, clock, source, told, lines } = await world((prepared) => {
      prepared.apply(cacheOf('web', ofWeb));
      prepared.refuse(/deployments/, refusal(status, reason, 'no'), Infinity);
    });
    expect(source.synced()).toBe(true);
    api.apply(cacheOf('other', { kinds: ['Pod'] }));
    await clock.advance(2_000);
    expect(told()).toEqual(['add ImageCache other']);
    await clock.advance(300_000);
    expect(lines.filter((line) => line.includes('workloads cannot be watched'))).toHaveLength(1);
    expect(lines).toHaveLength(1);
  });
});
