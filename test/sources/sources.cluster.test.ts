import type { CloudEvent } from 'cloudevents';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { notice } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { startSources, type Sources } from '../../sources/start-sources.ts';
import { established } from '../behaviour/lab-under-test.ts';
import { sharedLab } from '../cluster/shared-lab.ts';
import { imageCache, job, node } from './objects.ts';

const lab = await sharedLab();
const namespace = 'test-sources';
const manifest = (name: string, rest: object = {}): object => {
  const images = { spec: { cacheSpec: [{ images: ['a:1'] }] }, ...rest };
  return imageCache({ name, namespace, generation: undefined }, images);
};
const aJob = (name: string, cache: string, metadata: object = {}): object => ({
  ...job({ name, namespace, annotations: { 'kubefledged.io/cache': `${namespace}/${cache}` }, ...metadata }),
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'image-0', image: 'a:1' }] } } },
});

type Started = { readonly api: Api; readonly sources: Sources; readonly told: () => readonly string[] };
const started: Started[] = [];

function start(identity?: string): Started {
  const api = createApi({ kubeconfig: lab.kubeconfig, master: '', inCluster: false });
  const events: string[] = [];
  const sources = startSources({
    api,
    log: pino({ level: 'silent' }),
    tickSchedule: '',
    sink: (event) => Promise.resolve(void events.push(...described(event))),
    ...(identity === undefined ? {} : { lease: { namespace, identity } }),
  });
  const one = { api, sources, told: () => events };
  started.push(one);
  return one;
}

/** "verb kind name", for the caches of this file only, as the lab is shared. */
function described(event: CloudEvent<unknown>): readonly string[] {
  const told = notice(event);
  if (told.type !== 'change' || told.cache?.namespace !== namespace) return [];
  return (told.changed ?? [told.object]).map(({ kind, name }) => `${told.verb} ${kind} ${name}`);
}

const until = (condition: () => void): Promise<void> => vi.waitFor(condition, { timeout: 30_000, interval: 50 });

describe('sources on a real control plane', () => {
  beforeAll(async () => {
    await lab.ask('apply', '--server-side', '-f', join(import.meta.dirname, '../../crds/imagecache.yaml'));
    await lab.ask('create', 'namespace', namespace);
    await established(lab);
    await lab.apply(manifest('before'));
    await lab.apply(aJob('before-1', 'before'));
  });
  afterAll(async () => {
    for (const { sources, api } of started) {
      await sources.stop();
      api.close();
    }
    await lab.ask('delete', 'namespace', namespace, '--wait=false');
  });

  it('report existing objects, changes and deletions, and nothing else', async () => {
    const { sources, told } = start();
    await sources.whenSynced;
    await until(() => expect(told()).toEqual(expect.arrayContaining(['add ImageCache before', 'add Job before-1'])));
    await lab.apply(manifest('web'));
    await until(() => expect(told()).toContain('add ImageCache web'));
    const status = {
      status: { status: 'Processing', reason: 'ImageCacheCreate', message: 'x', startTime: '2026-11-24T00:00:00Z' },
    };
    await lab.ask(
      'patch',
      '-n',
      namespace,
      'ic',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify(status),
    );
    await lab.ask('label', '-n', namespace, 'ic', 'web', 'a=b');
    await lab.ask('annotate', '-n', namespace, 'ic', 'web', 'kubefledged.io/refresh-imagecache=');
    await until(() => expect(told()).toContain('update ImageCache web'));
    await lab.apply(aJob('web-1', 'web'));
    await lab.ask('delete', '-n', namespace, 'job', 'web-1');
    await until(() => expect(told()).toContain('delete Job web-1'));
    await lab.ask('delete', '-n', namespace, 'ic', 'web');
    await until(() => expect(told()).toContain('delete ImageCache web'));
    expect(told().filter((each) => each === 'update ImageCache web')).toHaveLength(1);
    expect(told()).not.toContain('add Job web-1');
  });

  it('report a Node that is added, changed and deleted for every cache', async () => {
    const { sources, told } = start();
    await sources.whenSynced;
    await lab.apply(node({ name: 'source-node', labels: {} }, { status: {} }));
    await until(() => expect(told()).toContain('add Node source-node'));
    await lab.ask('label', 'node', 'source-node', 'pool=web');
    await until(() => expect(told()).toContain('update Node source-node'));
    await lab.ask('delete', 'node', 'source-node');
    await until(() => expect(told()).toContain('delete Node source-node'));
  });

  it('miss no change when the API server is killed and restarted', async () => {
    const { sources, told } = start();
    await sources.whenSynced;
    await lab.killDaemon('kube-apiserver');
    await lab.repair();
    await lab.apply(manifest('after'));
    await until(() => expect(told()).toContain('add ImageCache after'));
    await lab.ask('delete', '-n', namespace, 'ic', 'after');
    await until(() => expect(told()).toContain('delete ImageCache after'));
    expect(told().filter((each) => each === 'add ImageCache before')).toHaveLength(1);
  });

  it('elect one of two replicas, and the other when the first stops', async () => {
    const one = start('one');
    await one.sources.whenSynced;
    const two = start('two');
    const holder = () =>
      lab.ask('get', '-n', namespace, 'lease', 'imagecache-functions-source', '-o', 'jsonpath={.spec.holderIdentity}');
    expect(await holder()).toBe('one');
    expect([one.sources.synced(), two.sources.synced(), two.sources.caches().size]).toEqual([true, true, 0]);
    await one.sources.stop();
    await two.sources.whenSynced;
    expect(await holder()).toBe('two');
    expect(two.sources.caches().size).toBeGreaterThan(0);
  });
});
