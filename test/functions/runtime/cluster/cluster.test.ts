import { describe, expect, it } from 'vitest';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { inMemoryApi, refusal } from '../../../support/api/in-memory-api.ts';
import { cache, job, noon } from '../../model/builders.ts';
import { aJob, aNode, aPod, cachePath, eventsPath, jobsPath, namespacePath, nodeNamed, nodePath } from '../../scene.ts';

function connected() {
  const api = inMemoryApi({ now: () => noon });
  return { api, cluster: createCluster(api) };
}

describe('a listing', () => {
  const names = Array.from({ length: 600 }, (_, index) => `node-${index}`);
  const many = () => {
    const { api, cluster } = connected();
    for (const name of names) api.put(nodePath(name), nodeNamed(name));
    return { api, cluster };
  };

  it('is read page by page', async () => {
    const { api, cluster } = many();
    expect((await cluster.nodes()).map(({ name }) => name)).toEqual(names);
    expect(api.newCalls()).toEqual(
      [100, 200, 300, 400, 500].reduce(
        (calls, from) => [...calls, `GET /api/v1/nodes?limit=100&continue=${from}`],
        ['GET /api/v1/nodes?limit=100'],
      ),
    );
  });

  it('shares what Nodes list alike with reads of single Nodes, as many decisions hold the same at once', async () => {
    const { api, cluster } = connected();
    const images = [{ names: ['app@sha256:1', 'app:1'] }];
    for (const name of ['a', 'b']) api.put(nodePath(name), { ...nodeNamed(name), status: { images } });
    const [listed] = await cluster.nodes();
    const digests = listed?.digests.get('docker.io/library/app:1');
    expect(digests).toEqual(new Set(['sha256:1']));
    for (const name of ['a', 'b'])
      expect((await cluster.node(name))?.digests.get('docker.io/library/app:1')).toBe(digests);
  });

  it('of Nodes by name takes one request for many, and one more for each whose label is not its name', async () => {
    const { api, cluster } = connected();
    const wanted = names.slice(0, 60);
    const labelOf = (name: string): string => (name === 'node-7' ? 'ip-10-0-0-7' : name);
    for (const name of wanted) {
      const labels = { 'kubernetes.io/hostname': labelOf(name) };
      api.put(nodePath(name), nodeNamed(name, { metadata: { name, uid: name, labels } }));
    }
    const found = await cluster.nodesNamed([...wanted, 'gone']);
    expect([...found.keys()]).toEqual([...wanted, 'gone']);
    expect(found.get('gone')).toBeUndefined();
    expect(wanted.every((name) => found.get(name)?.name === name)).toBe(true);
    const calls = api.newCalls();
    expect(calls.filter((call) => call.includes('labelSelector'))).toHaveLength(2);
    expect(calls.filter((call) => !call.includes('labelSelector'))).toEqual([
      'GET /api/v1/nodes/node-7',
      'GET /api/v1/nodes/gone',
    ]);
  });

  it('of a few Nodes by name takes a request for each', async () => {
    const { api, cluster } = connected();
    api.put(nodePath('a'), nodeNamed('a'));
    expect((await cluster.nodesNamed(['a', 'b'])).get('a')?.name).toBe('a');
    expect(api.newCalls()).toEqual(['GET /api/v1/nodes/a', 'GET /api/v1/nodes/b']);
  });

  it('is restarted once if it expires half-way', async () => {
    const { api, cluster } = many();
    const expired = refusal(410, 'Expired', 'the continue token is too old');
    let calls = 0;
    const flaky = createCluster({
      ...api,
      request: async (call) => ((calls += 1) === 2 ? Promise.reject(expired) : api.request(call)),
    });
    expect(await flaky.nodes()).toHaveLength(600);
    api.refuse(/GET .*nodes/, expired, 2);
    await expect(cluster.nodes()).rejects.toBe(expired);
  });

  it('of Jobs asks for metadata only, by label, and so knows no outcome', async () => {
    const { api, cluster } = connected();
    const labels = { 'kubefledged.io/cache-uid': 'u' };
    api.put(`${jobsPath}/a`, {
      metadata: { name: 'a', labels },
      status: { conditions: [{ type: 'Complete', status: 'True' }] },
    });
    api.put(`${jobsPath}/b`, { metadata: { name: 'b', labels: { 'kubefledged.io/cache-uid': 'v' } } });
    expect(await cluster.jobs('apps', 'kubefledged.io/cache-uid=u')).toMatchObject([{ name: 'a', outcome: undefined }]);
    expect(await cluster.job('apps', 'a')).toMatchObject({ outcome: 'Complete' });
  });
});

describe('a single object', () => {
  it('is undefined if it does not exist', async () => {
    const { cluster } = connected();
    expect(await cluster.cache({ namespace: 'apps', name: 'none' })).toBeUndefined();
    expect(await cluster.node('none')).toBeUndefined();
    expect(await cluster.job('apps', 'none')).toBeUndefined();
    expect(await cluster.pod('apps', 'none')).toBeUndefined();
  });

  it('is an error, not absent, if reading it is forbidden', async () => {
    const { api, cluster } = connected();
    api.refuse(/GET/, refusal(403, 'Forbidden', 'no'));
    await expect(cluster.node('n')).rejects.toMatchObject({ status: 403 });
  });

  it('belongs to the cache that it names in its own namespace, if it is a Job or Pod', async () => {
    const { api, cluster } = connected();
    api.put(`${jobsPath}/a`, {
      metadata: { name: 'a', namespace: 'apps', annotations: { 'kubefledged.io/cache': 'elsewhere/web' } },
    });
    expect(await cluster.cacheOf(aJob('a'))).toEqual({ namespace: 'apps', name: 'web' });
    api.put(`${jobsPath}/b`, {
      metadata: { name: 'b', namespace: 'apps', ownerReferences: [{ kind: 'ImageCache', name: 'old', uid: 'u' }] },
    });
    expect(await cluster.cacheOf(aJob('b'))).toEqual({ namespace: 'apps', name: 'old' });
    expect(await cluster.cacheOf(aPod('gone'))).toBeUndefined();
    expect(await cluster.cacheOf(aNode('n'))).toBeUndefined();
  });
});

describe('the user of a namespace', () => {
  it.each([
    ["the first of OpenShift's range", { 'openshift.io/sa.scc.uid-range': '1000650000/10000' }, 1_000_650_000],
    [
      "the first of OpenShift's range, written the other way",
      { 'openshift.io/sa.scc.uid-range': '1000650000-1000659999' },
      1_000_650_000,
    ],
    ['65532 if the range is invalid', { 'openshift.io/sa.scc.uid-range': 'x' }, 65_532],
    ['65532 elsewhere', {}, 65_532],
  ])('is %s', async (_, annotations, is) => {
    const { api, cluster } = connected();
    api.put(namespacePath, { metadata: { name: 'apps', annotations } });
    expect(await cluster.userOf('apps')).toBe(is);
  });

  it.each([403, 404])('is 65532 if the namespace answers %d, and unknown on other errors', async (status) => {
    const { api, cluster } = connected();
    api.refuse(/GET/, refusal(status, '', ''));
    expect(await cluster.userOf('apps')).toBe(65_532);
    api.refuse(/GET/, refusal(500, '', ''));
    await expect(cluster.userOf('apps')).rejects.toMatchObject({ status: 500 });
  });
});

it('reports equal refusals of the Pods of several Jobs as equal', async () => {
  const { api, cluster } = connected();
  const jobs = ['a', 'b'].map((uid) => job({ uid, name: `web-${uid}` }));
  for (const { uid, name } of jobs)
    api.put(`${eventsPath}/${name}`, {
      metadata: { name, namespace: 'apps' },
      involvedObject: { kind: 'Job', uid },
      reason: 'FailedCreate',
      message: `Error creating: pods "${name}-x2x9k" is forbidden: exceeded quota: none, requested: pods=1`,
    });
  const message = 'Error creating: pods is forbidden: exceeded quota: none, requested: pods=1';
  expect([...(await cluster.podRefusals('apps', jobs))]).toEqual([
    ['a', message],
    ['b', message],
  ]);
});

describe('deleting a Job', () => {
  it('keeps another Job of the same name, and succeeds if there is none', async () => {
    const { api, cluster } = connected();
    api.put(`${jobsPath}/a`, { metadata: { name: 'a', uid: 'another' } });
    await cluster.deleteJob('apps', { name: 'a', uid: 'mine' });
    expect(api.read(`${jobsPath}/a`)).toBeDefined();
    await cluster.deleteJob('apps', { name: 'a', uid: 'another' });
    await cluster.deleteJob('apps', { name: 'a', uid: 'another' });
    expect(api.read(`${jobsPath}/a`)).toBeUndefined();
  });
});

describe('the Event of a cache', () => {
  const event = { type: 'Normal', reason: 'ImageCacheCreate', message: 'x'.repeat(2000), key: 'round-1' } as const;

  it('is recorded once for repeated reports, with a truncated message', async () => {
    const { api, cluster } = connected();
    const live = cache({ name: 'a'.repeat(253) });
    await cluster.record(live, event, noon);
    await cluster.record(live, event, noon + 60_000);
    await cluster.record(live, { ...event, key: 'round-2' }, noon);
    const [first, ...others] = api.list(eventsPath);
    expect(others).toHaveLength(1);
    expect(first).toMatchObject({
      involvedObject: { kind: 'ImageCache', namespace: 'apps', name: live.name, uid: live.uid },
      reason: 'ImageCacheCreate',
      message: 'x'.repeat(1024),
      source: { component: 'kubefledged-controller' },
      firstTimestamp: '2026-11-24T12:00:00Z',
    });
    expect(first?.metadata.name.length).toBeLessThanOrEqual(253);
  });
});

describe('removing annotations', () => {
  const annotated = (value: string) => {
    const { api, cluster } = connected();
    const annotations = { 'kubefledged.io/refresh-imagecache': value, note: 'stays' };
    api.put(cachePath(), { metadata: { name: 'web', namespace: 'apps', annotations } });
    return { api, take: cluster.removeAnnotations(cache(), { 'kubefledged.io/refresh-imagecache': '' }) };
  };

  it('keeps the others', async () => {
    const { api, take } = annotated('');
    await take;
    expect(api.read(cachePath())?.metadata.annotations).toEqual({ note: 'stays' });
  });

  it('keeps one whose value has changed', async () => {
    const { api, take } = annotated('again');
    await take;
    expect(api.read(cachePath())?.metadata.annotations).toHaveProperty(['kubefledged.io/refresh-imagecache'], 'again');
  });

  it('accepts that another function has removed them, or that the cache is gone', async () => {
    const { api, cluster } = connected();
    const values = { 'kubefledged.io/refresh-imagecache': '' };
    await cluster.removeAnnotations(cache(), values);
    api.put(cachePath(), { metadata: { name: 'web', namespace: 'apps', annotations: { note: 'stays' } } });
    await cluster.removeAnnotations(cache(), values);
    expect(api.read(cachePath())?.metadata.annotations).toEqual({ note: 'stays' });
  });

  it('fails if the server refuses to remove them', async () => {
    const { api } = connected();
    api.put(cachePath(), { metadata: { name: 'web', namespace: 'apps', annotations: { note: 'stays' } } });
    const request: typeof api.request = (call) =>
      call.method === 'PATCH' ? Promise.reject(refusal(422, 'Invalid', 'denied by a policy')) : api.request(call);
    const cluster = createCluster({ ...api, request });
    await expect(cluster.removeAnnotations(cache(), { note: 'stays' })).rejects.toThrow('denied by a policy');
  });
});

describe('writing a status', () => {
  it.each([
    ['with the CRD of kube-fledged', ['imagecaches'], 'the CRD is that of kube-fledged, and no status can be written'],
    ['of a cache that is gone', ['imagecaches', 'imagecaches/status'], 'imagecaches "web" not found'],
  ])('%s fails with the reason, since the server answers 404 to either', async (_, resources, message) => {
    const { api } = connected();
    const request: typeof api.request = ({ method }) =>
      method === 'PATCH'
        ? Promise.reject(refusal(404, 'NotFound', 'imagecaches "web" not found'))
        : Promise.resolve({ resources: resources.map((name) => ({ name })) });
    const live = cache();
    await expect(createCluster({ ...api, request }).writeStatus(live, live.status)).rejects.toThrow(message);
  });
});

describe('other installations', () => {
  const managed = (manager: string, time: string, subresource = 'status') => ({
    metadata: {
      ...{ name: 'web', namespace: 'apps', uid: 'u', generation: 1 },
      managedFields: [{ manager, time, subresource, operation: 'Update' }],
    },
    spec: { cacheSpec: [{ images: ['app:1'] }] },
  });
  const soon = new Date(Date.now() + 60_000).toISOString();

  it.each([
    [
      'another that writes the status since this process started',
      managed('imagecache-functions.other', soon),
      ['other'],
    ],
    ['itself', managed('imagecache-functions.own', soon), []],
    ['another that wrote before, which may be gone', managed('imagecache-functions.other', '2026-01-01T00:00:00Z'), []],
    ['a user who edits the status', managed('kubectl-edit', soon), []],
    ['a writer of anything but the status', managed('imagecache-functions.other', soon, ''), []],
  ])('are noticed once by the status that they write: %s', async (_, object, expected) => {
    const api = inMemoryApi({ now: () => noon });
    const cluster = createCluster(api, [], undefined, 'own');
    api.put(cachePath(), object);
    const read = await cluster.cache({ namespace: 'apps', name: 'web' });
    expect(read && cluster.otherInstallations(read)).toEqual(expected);
    expect(read && cluster.otherInstallations(read)).toEqual([]);
  });
});
