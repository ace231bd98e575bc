import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listAt, textAt } from '../json.ts';
import { imageOf } from '../controllers/image-store.ts';
import { eventually, type TestSimulator, testSimulator } from '../testing.ts';

const jobs = '/apis/batch/v1/namespaces/default/jobs';
const pods = '/api/v1/namespaces/default/pods';

const job = (name: string, images: readonly string[], spec: object = {}, podSpec: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    backoffLimit: 0,
    ...spec,
    template: {
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 0,
        containers: images.map((image, index) => ({ name: `i${index}`, image })),
        ...podSpec,
      },
    },
  },
});

/** Where no pull hangs: one that does holds up all others of its node, as on a real one. */
const onNode2 = { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } };

describe('the controllers of the simulator, by HTTP', () => {
  let cluster: TestSimulator;
  beforeAll(async () => {
    cluster = await testSimulator();
  });
  afterAll(() => cluster.stop());

  const get = async (path: string): Promise<unknown> => (await cluster.ask({ method: 'GET', path })).body;
  const post = (path: string, body: object) => cluster.ask({ method: 'POST', path, body });
  const podsOf = async (name: string): Promise<readonly unknown[]> =>
    listAt(await get(`${pods}?labelSelector=job-name=${name}`), 'items');
  const reasons = async (name: string): Promise<readonly string[]> =>
    listAt((await podsOf(name))[0], 'status', 'containerStatuses').map(
      (status) => textAt(status, 'state', 'waiting', 'reason') || textAt(status, 'state', 'terminated', 'reason'),
    );
  const conditions = async (name: string): Promise<readonly string[]> =>
    listAt(await get(`${jobs}/${name}`), 'status', 'conditions').map((condition) => textAt(condition, 'type'));
  const events = async (name: string): Promise<readonly string[]> =>
    listAt(await get(`/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=${name}`), 'items').map(
      (event) => `${textAt(event, 'reason')}: ${textAt(event, 'message')}`,
    );

  test('a Job runs to its end, its images are told by digest and then by the node', async () => {
    await post(
      jobs,
      job(
        'good',
        ['a:1', 'reg.example.com/b@sha256:' + 'b'.repeat(64)],
        {},
        { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } },
      ),
    );
    await eventually(
      () => conditions('good'),
      (types) => types.includes('Complete'),
    );
    expect(await conditions('good')).toEqual(['SuccessCriteriaMet', 'Complete']);
    const [pod] = await podsOf('good');
    expect(pod).toMatchObject({
      spec: { nodeName: 'node-2' },
      status: {
        phase: 'Succeeded',
        containerStatuses: [
          { image: 'docker.io/library/a:1', imageID: `docker.io/library/a@${imageOf('a:1')?.digest ?? ''}` },
          { imageID: `reg.example.com/b@sha256:${'b'.repeat(64)}` },
        ],
      },
    });
    const images = await eventually(
      async () => listAt(await get('/api/v1/nodes/node-2'), 'status', 'images').map((image) => listAt(image, 'names')),
      (names) => names.length === 2,
    );
    expect(images.flat()).toContain('docker.io/library/a:1');
  });

  test('pulls that fail say why, the good ones beside them complete, all told at once', async () => {
    await post(jobs, job('bad', ['a:1', 'a:missing', 'denied:1']));
    const first = await eventually(
      () => reasons('bad'),
      (all) => all.some((reason) => reason !== 'ContainerCreating' && reason !== ''),
    );
    expect(first).toEqual(['Completed', 'ErrImagePull', 'ErrImagePull']);
    await eventually(
      () => reasons('bad'),
      (all) => all[1] === 'ImagePullBackOff',
    );
    const [pod] = await podsOf('bad');
    const told = listAt(pod, 'status', 'containerStatuses').map((status) =>
      textAt(status, 'state', 'waiting', 'message'),
    );
    expect(told[1]).toBe(
      'Back-off pulling image "a:missing": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/a:missing": failed to resolve image: docker.io/library/a:missing: not found',
    );
    expect(told[2]).toContain('pull access denied, repository does not exist or may require authorization');
    expect(textAt(pod, 'status', 'phase')).toBe('Pending');
    expect(await events(textAt(pod, 'metadata', 'name'))).toContain('Failed: Error: ErrImagePull');
  });

  test('a Job deleted in the background takes its pods along; their orphaning is not implemented', async () => {
    await eventually(
      async () => (await podsOf('bad')).length,
      (count) => count === 1,
    );
    await cluster.ask({ method: 'DELETE', path: `${jobs}/bad?propagationPolicy=Background` });
    await eventually(
      async () => (await podsOf('bad')).length,
      (count) => count === 0,
    );
    expect(await cluster.ask({ method: 'DELETE', path: `${jobs}/good` })).toMatchObject({ status: 501 });
  });

  test('the deadline of a Job ends its pods, and only then has it failed', async () => {
    await post(
      jobs,
      job('late', ['hang:1'], { activeDeadlineSeconds: 1 }, { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } }),
    );
    await eventually(
      () => conditions('late'),
      (types) => types.includes('Failed'),
    );
    expect(await conditions('late')).toEqual(['FailureTarget', 'Failed']);
    expect(await podsOf('late')).toEqual([]);
  });

  test('an image volume is pulled for the container that mounts it; a broken one holds only that', async () => {
    const volumes = ['good:1', 'missing:1'].map((reference, index) => ({ name: `v${index}`, image: { reference } }));
    const containers = volumes.map(({ name }, index) => ({
      name: `i${index}`,
      image: 'tool:1',
      volumeMounts: [{ name, mountPath: '/i' }],
    }));
    await post(
      jobs,
      job('volumes', [], {}, { volumes, containers, nodeSelector: { 'kubernetes.io/hostname': 'node-3' } }),
    );
    const found = await eventually(
      () => reasons('volumes'),
      (all) => all.includes('ErrImagePull') && all.includes('Completed'),
    );
    expect(found).toEqual(['Completed', 'ErrImagePull']);
  });

  test('init containers come first', async () => {
    await post(jobs, job('init', ['a:2'], {}, { ...onNode2, initContainers: [{ name: 'copy', image: 'tool:2' }] }));
    await eventually(
      () => conditions('init'),
      (types) => types.includes('Complete'),
    );
    const [pod] = await podsOf('init');
    expect(listAt(pod, 'status', 'initContainerStatuses')).toMatchObject([
      { state: { terminated: { reason: 'Completed' } } },
    ]);
  });

  test('a Job goes when its time to live is over', async () => {
    await post(jobs, job('short', ['a:1'], { ttlSecondsAfterFinished: 0 }, onNode2));
    await eventually(
      async () => (await cluster.ask({ method: 'GET', path: `${jobs}/short` })).status,
      (status) => status === 404,
    );
    await eventually(
      async () => (await podsOf('short')).length,
      (count) => count === 0,
    );
  });

  test('a quota without room for pods is told as an Event of the Job', async () => {
    await post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'full' } });
    await post('/api/v1/namespaces/full/resourcequotas', {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'none' },
      spec: { hard: { pods: '0' } },
    });
    await post(jobs.replace('default', 'full'), job('j', ['a:1']));
    const found = await eventually(
      async () =>
        listAt(await get('/api/v1/namespaces/full/events?fieldSelector=reason=FailedCreate'), 'items').map((event) =>
          textAt(event, 'message'),
        ),
      (messages) => messages.length > 0,
    );
    expect(found[0]).toMatch(
      /^Error creating: pods "j-\w{5}" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0$/,
    );
  });

  test('a namespace goes with all that is in it, and takes nothing more meanwhile', async () => {
    await post(jobs.replace('default', 'full'), {
      ...job('held', ['a:1']),
      metadata: { name: 'held', finalizers: ['example.com/hold'] },
    });
    await cluster.ask({ method: 'DELETE', path: '/api/v1/namespaces/full' });
    const refused = await post(jobs.replace('default', 'full'), job('more', ['a:1']));
    expect(refused).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('is being terminated') as string },
    });
    await cluster.ask({
      method: 'PATCH',
      path: `${jobs.replace('default', 'full')}/held`,
      type: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    await eventually(
      async () => (await cluster.ask({ method: 'GET', path: '/api/v1/namespaces/full' })).status,
      (status) => status === 404,
    );
  });

  test('what an owner leaves behind is collected, also where the owner never was there', async () => {
    const owner = (uid: string) => ({ ownerReferences: [{ apiVersion: 'v1', kind: 'Secret', name: 'owner', uid }] });
    const secrets = '/api/v1/namespaces/default/secrets';
    const secret = (name: string, metadata: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, ...metadata },
    });
    const { body } = await post(secrets, secret('owner'));
    await post(secrets, secret('child', owner(textAt(body, 'metadata', 'uid'))));
    await post(secrets, secret('stray', owner('00000000-0000-0000-0000-000000000000')));
    const names = async (): Promise<string> =>
      listAt(await get(secrets), 'items')
        .map((item) => textAt(item, 'metadata', 'name'))
        .join();
    await eventually(names, (all) => all === 'child,owner');
    await cluster.ask({ method: 'DELETE', path: `${secrets}/owner` });
    await eventually(names, (all) => all === '');
  });

  test('a node that is made becomes Ready, takes pods, and its pods go with it', async () => {
    await post('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'extra' } });
    const ready = await eventually(
      () => get('/api/v1/nodes/extra'),
      (node) => listAt(node, 'status', 'conditions').length === 4,
    );
    expect(ready).toMatchObject({
      metadata: { labels: { 'kubernetes.io/hostname': 'extra' } },
      status: { nodeInfo: { kubeletVersion: 'v1.36.3' } },
    });
    await post(jobs, job('there', ['hang:2'], {}, { nodeSelector: { 'kubernetes.io/hostname': 'extra' } }));
    await eventually(
      async () => textAt((await podsOf('there'))[0], 'spec', 'nodeName'),
      (node) => node === 'extra',
    );
    await cluster.ask({ method: 'DELETE', path: '/api/v1/nodes/extra' });
    await eventually(
      () => conditions('there'),
      (types) => types.includes('Failed'),
    );
    await eventually(
      async () => (await podsOf('there')).length,
      (count) => count === 0,
    );
  });

  test('a cordoned node carries the taint and takes nothing that does not tolerate it', async () => {
    const cordon = (unschedulable: boolean | null) =>
      cluster.ask({
        method: 'PATCH',
        path: '/api/v1/nodes/node-3',
        type: 'application/strategic-merge-patch+json',
        body: { spec: { unschedulable } },
      });
    const selector = { nodeSelector: { 'kubernetes.io/hostname': 'node-3' } };
    await cordon(true);
    await eventually(
      async () => listAt(await get('/api/v1/nodes/node-3'), 'spec', 'taints').length,
      (count) => count === 1,
    );
    await post(jobs, job('cordoned', ['a:1'], {}, selector));
    await eventually(
      async () => textAt(listAt((await podsOf('cordoned'))[0], 'status', 'conditions')[0], 'reason'),
      (reason) => reason === 'Unschedulable',
    );
    await post(jobs, job('tolerant', ['a:1'], {}, { ...selector, tolerations: [{ operator: 'Exists' }] }));
    await eventually(
      () => conditions('tolerant'),
      (types) => types.includes('Complete'),
    );
    await cordon(null);
    await eventually(
      () => conditions('cordoned'),
      (types) => types.includes('Complete'),
    );
  });
});
