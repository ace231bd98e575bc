import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { removalJob } from '#model/removal/removal-job.ts';
import { parseRemovalResult, type RemovalOrder, type RemovalResult } from '#model/removal/removal-result.ts';
import { imageOf } from '@imagecache-functions/simulator';
import { eventually, listAt, type TestSimulator, testSimulator, textAt } from '@imagecache-functions/simulator/testing';
import { simulateRemoval } from '../../../deploy/standalone/simulate-removal.ts';
import { cache, node, settings } from '../../functions/model/builders.ts';

const jobs = '/apis/batch/v1/namespaces/default/jobs';
const pods = '/api/v1/namespaces/default/pods';
const digest = `sha256:${'d'.repeat(64)}`;
const size = (reference: string): number => imageOf(reference)?.size ?? 0;

const podOn = (name: string, images: readonly string[], labels: object, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels },
  spec: {
    nodeName: 'node-1',
    restartPolicy: 'Never',
    containers: images.map((image, index) => ({ name: `i${index}`, image })),
    ...spec,
  },
});

describe('a removal Job on a simulated node', () => {
  let cluster: TestSimulator;
  let attempt = 0;
  beforeAll(async () => {
    cluster = await testSimulator({ program: simulateRemoval });
    await listed((names) => names.length === 0);
  });
  afterAll(() => cluster.stop());

  const get = async (path: string): Promise<unknown> => (await cluster.ask({ method: 'GET', path })).body;
  const post = (path: string, body: object) => cluster.ask({ method: 'POST', path, body });
  const listed = (isIt: (names: readonly string[]) => boolean): Promise<readonly string[]> =>
    eventually(
      async () =>
        listAt(await get('/api/v1/nodes/node-1'), 'status', 'images').flatMap((image) =>
          listAt(image, 'names').map(String),
        ),
      isIt,
    );

  /** Has images pulled by a Pod that is gone, or that stays. */
  const pulled = async (name: string, images: readonly string[], isGone: boolean): Promise<void> => {
    const labels = isGone ? {} : { kubefledged: 'kubefledged-image-manager' };
    await post(pods, podOn(name, images, labels));
    await eventually(
      async () => textAt(await get(`${pods}/${name}`), 'status', 'phase'),
      (phase) => phase === 'Succeeded',
    );
    if (isGone) await cluster.ask({ method: 'DELETE', path: `${pods}/${name}?gracePeriodSeconds=0` });
    await listed((names) => images.every((image) => names.includes(imageOf(image)?.name ?? '')));
  };

  const removal = async (
    order: Partial<RemovalOrder>,
  ): Promise<{ readonly ended: string; readonly result: RemovalResult | undefined }> => {
    const { metadata, ...job } = removalJob({
      cache: cache(),
      node: node(),
      socket: '/run/containerd/containerd.sock',
      entry: { ...newRemovalEntry(node().id, 'want', 1), attempt: ++attempt },
      removal: { remove: [], keep: [], ...order },
      settings: settings({ namespace: 'default' }),
    });
    expect((await post(jobs, { ...job, metadata })).status).toBe(201);
    const pod = await eventually(
      async () => listAt(await get(`${pods}?labelSelector=job-name=${metadata.name}`), 'items')[0],
      (found) => ['Succeeded', 'Failed'].includes(textAt(found, 'status', 'phase')),
    );
    const [status] = listAt(pod, 'status', 'containerStatuses');
    return {
      ended: textAt(pod, 'status', 'phase'),
      result: parseRemovalResult(textAt(status, 'state', 'terminated', 'message')),
    };
  };

  test('takes what is asked for out of the store and tells its size, and what was not there', async () => {
    await pulled('first', ['a:1', 'b:1'], true);
    const { ended, result } = await removal({ remove: ['docker.io/library/a:1', 'never:1'] });
    expect(ended).toBe('Succeeded');
    expect(result).toEqual({
      runtime: 'containerd v2.2.9',
      freedBytes: size('a:1'),
      counts: { removed: 1, absent: 1, spared: 0, failed: 0 },
      images: [
        { outcome: 'removed', image: 'docker.io/library/a:1', bytes: size('a:1') },
        { outcome: 'absent', image: 'never:1' },
      ],
      omitted: 0,
      error: '',
    });
    expect(await listed((names) => !names.includes('docker.io/library/a:1'))).toContain('docker.io/library/b:1');
  });

  test('spares what is kept, what shares its content with that, and what the runtime pins', async () => {
    await pulled('second', ['kept:1', `one@${digest}`, `two@${digest}`, 'pinned:1'], true);
    const { result } = await removal({
      remove: ['kept:1', `one@${digest}`, 'pinned:1'],
      keep: ['docker.io/library/kept:1', `two@${digest}`],
    });
    expect(result).toMatchObject({
      freedBytes: 0,
      images: [
        { outcome: 'spared', image: 'kept:1', reason: 'Wanted', by: 'kept:1' },
        { outcome: 'spared', reason: 'SharedTag', by: `docker.io/library/two@${digest}` },
        { outcome: 'spared', image: 'pinned:1', reason: 'Pinned' },
      ],
    });
  });

  test('spares what has another name, until that one may go as well', async () => {
    const [asked, name] = [`one@${digest}`, `docker.io/library/two@${digest}`];
    const one = await removal({ remove: [asked] });
    expect(one.result?.images).toEqual([{ outcome: 'spared', image: asked, reason: 'SharedTag', by: name }]);
    const both = await removal({ remove: [asked, name] });
    expect(both.result?.images).toMatchObject([
      { outcome: 'removed', image: asked },
      { outcome: 'removed', image: name, bytes: 0 },
    ]);
    await listed((names) => !names.includes(name));
  });

  test('spares what a container runs or mounts, but not for a Pod that pulls', async () => {
    await pulled('pulls', ['c:1'], false);
    const volumes = [{ name: 'v', image: { reference: 'mounted:1' } }];
    const containers = [
      { name: 'server', image: 'd:1', command: ['sleep', '60'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    ];
    await post(pods, podOn('used', [], {}, { volumes, containers }));
    await listed((names) => names.includes('docker.io/library/d:1'));
    const { result } = await removal({ remove: ['c:1', 'd:1', 'mounted:1'] });
    expect(result?.images).toMatchObject([
      { outcome: 'spared', image: 'd:1', reason: 'InUse', by: 'default/used/server' },
      { outcome: 'spared', image: 'mounted:1', reason: 'InUse', by: 'default/used/server' },
      { outcome: 'removed', image: 'c:1' },
    ]);
  });

  test('fails where something can not be removed, and says so first', async () => {
    await pulled('third', ['e:1', 'stuck:1'], true);
    const { ended, result } = await removal({ remove: ['e:1', 'stuck:1'] });
    expect(ended).toBe('Failed');
    expect(result?.counts).toEqual({ removed: 1, absent: 0, spared: 0, failed: 1 });
    expect(result?.images.map(({ outcome }) => outcome)).toEqual(['failed', 'removed']);
  });

  test('counts what does not fit its message', async () => {
    const { result } = await removal({
      remove: Array.from({ length: 200 }, (_, index) => `registry.example.com/team/an-application-${index}:1`),
    });
    expect(result?.counts.absent).toBe(200);
    expect(result?.images.length).toBeGreaterThan(30);
    expect(result?.omitted).toBeGreaterThan(100);
    expect(result?.omitted).toBe(200 - (result?.images.length ?? 0));
  });

  test('makes an image come again with the next pull', async () => {
    await pulled('again', ['a:1'], true);
  });
});
