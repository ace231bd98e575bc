import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listAt, objectAt, textAt } from '../json.ts';
import { type TestSimulator, testSimulator } from '../testing.ts';
import { watchLines } from './watch-lines.ts';

const group = '/apis/kubefledged.io/v1alpha2';
const caches = `${group}/namespaces/default/imagecaches`;
const cache = (name: string, metadata: object = {}) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name, ...metadata },
  spec: { cacheSpec: [{ images: ['a:1'] }] },
});

describe('the API of the simulator, by HTTP', () => {
  let cluster: TestSimulator;
  beforeAll(async () => {
    cluster = await testSimulator({ history: 20 });
  });
  afterAll(() => cluster.stop());

  const create = async (name: string, metadata: object = {}): Promise<unknown> =>
    (await cluster.ask({ method: 'POST', path: caches, body: cache(name, metadata) })).body;
  const versionOf = (body: unknown): string => textAt(body, 'metadata', 'resourceVersion');
  const names = (body: unknown): readonly string[] =>
    listAt(body, 'items').map((item) => textAt(item, 'metadata', 'name'));
  const seen = (events: readonly object[]): readonly string[] =>
    events.map((event) => [textAt(event, 'type'), textAt(event, 'object', 'metadata', 'name')].join(' ').trim());

  test('pages through a list as it was when its first page was asked for', async () => {
    for (const name of ['p1', 'p2', 'p3']) await create(name, { labels: { test: 'paging' } });
    const first = await cluster.ask({ method: 'GET', path: `${caches}?labelSelector=test=paging&limit=2` });
    await create('p2a', { labels: { test: 'paging' } });
    await cluster.ask({ method: 'DELETE', path: `${caches}/p3` });
    const token = encodeURIComponent(textAt(first.body, 'metadata', 'continue'));
    const second = await cluster.ask({
      method: 'GET',
      path: `${caches}?labelSelector=test=paging&limit=2&continue=${token}`,
    });
    expect([names(first.body), names(second.body)]).toEqual([['p1', 'p2'], ['p3']]);
    expect(versionOf(second.body)).toBe(versionOf(first.body));
  });

  test('answers 410 where a page or a version is forgotten, in a list and in a watch', async () => {
    const first = await cluster.ask({ method: 'GET', path: `${group}/imagecaches?limit=1` });
    for (let count = 0; count < 30; count += 1)
      await cluster.ask({
        method: 'PATCH',
        path: `${caches}/p1`,
        type: 'application/merge-patch+json',
        body: { metadata: { annotations: { count: String(count) } } },
      });
    const token = encodeURIComponent(textAt(first.body, 'metadata', 'continue'));
    const page = await cluster.ask({ method: 'GET', path: `${group}/imagecaches?limit=1&continue=${token}` });
    expect(page).toMatchObject({ status: 410, body: { reason: 'Expired' } });
    const url = `${cluster.server}${caches}?watch=1&resourceVersion=${versionOf(first.body)}`;
    expect(await watchLines(url, 5)).toMatchObject([
      { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } },
    ]);
  });

  test('streams what changes after a version, what enters a selection as added, what leaves it as deleted', async () => {
    const version = versionOf((await cluster.ask({ method: 'GET', path: caches })).body);
    const lines = watchLines(`${cluster.server}${caches}?watch=1&resourceVersion=${version}&labelSelector=in=yes`, 3);
    await create('w1');
    for (const value of ['yes', 'yes', 'no'])
      await cluster.ask({
        method: 'PATCH',
        path: `${caches}/w1`,
        type: 'application/merge-patch+json',
        body: { metadata: { labels: { in: value }, annotations: { at: String(Math.random()) } } },
      });
    expect(seen(await lines)).toEqual(['ADDED w1', 'MODIFIED w1', 'DELETED w1']);
  });

  test('streams a list before the watch, its end marked, then bookmarks', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const events = await watchLines(`${cluster.server}/api/v1/nodes?${query}`, 5);
    expect(seen(events)).toEqual(['ADDED node-1', 'ADDED node-2', 'ADDED node-3', 'BOOKMARK', 'BOOKMARK']);
    expect(events[3]).toMatchObject({ object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } });
  });

  test('ends a watch when its time is over', async () => {
    const started = Date.now();
    await watchLines(
      `${cluster.server}${caches}?watch=1&timeoutSeconds=1&resourceVersion=0&fieldSelector=metadata.name=p1`,
      99,
    );
    expect(Date.now() - started).toBeGreaterThan(900);
  });

  test('says of a version from the future that it is too large', async () => {
    const path = `${caches}?resourceVersion=99999999999`;
    expect(await cluster.ask({ method: 'GET', path })).toMatchObject({ status: 504, body: { reason: 'Timeout' } });
  });

  test('counts generations by the spec, keeps the status to its own path', async () => {
    await create('g');
    const merge = (path: string, body: object) =>
      cluster.ask({ method: 'PATCH', path: `${caches}/${path}`, type: 'application/merge-patch+json', body });
    await merge('g', { metadata: { labels: { a: 'b' } } });
    await merge('g', { status: { status: 'Failed' } });
    await merge('g/status', { status: { status: 'Succeeded' }, spec: { suspend: true } });
    const { body } = await merge('g', { spec: { suspend: true } });
    expect(body).toMatchObject({
      metadata: { generation: 2 },
      spec: { suspend: true },
      status: { status: 'Succeeded' },
    });
  });

  test('lets only one of several writers of one version win', async () => {
    const version = versionOf(await create('lock'));
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((value) =>
        cluster.ask({
          method: 'PATCH',
          path: `${caches}/lock/status`,
          type: 'application/json-patch+json',
          body: [
            { op: 'replace', path: '/metadata/resourceVersion', value: version },
            { op: 'add', path: '/status', value: { status: value } },
          ],
        }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  });

  test('writes nothing where nothing changes', async () => {
    const before = await create('same');
    const path = `${caches}/same`;
    const after = await cluster.ask({
      method: 'PATCH',
      path,
      type: 'application/merge-patch+json',
      body: { metadata: { name: 'same' } },
    });
    expect(versionOf(after.body)).toBe(versionOf(before));
  });

  test.each([
    ['an unknown group', 'GET', '/apis/example.com/v1/things', 404],
    ['a subresource it does not have', 'GET', '/api/v1/namespaces/default/pods/x/log', 501],
    ['a new CRD', 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', 501],
  ])('refuses %s', async (_, method, path, status) => {
    expect((await cluster.ask({ method, path, body: method === 'POST' ? {} : undefined })).status).toBe(status);
  });

  test('applies on the server: creates, replaces the spec, adds labels, and says who wrote when', async () => {
    const apply = async (body: object) =>
      (await cluster.ask({ ...request, path: `${caches}/applied?fieldManager=me`, body })).body;
    const request = { method: 'PATCH', type: 'application/apply-patch+yaml' };
    await apply({ ...cache('applied', { labels: { a: 'b' } }), spec: { ...cache('').spec, suspend: true } });
    const { spec, metadata } = objectAt({ body: await apply(cache('applied', { labels: { c: 'd' } })) }, 'body');
    expect(spec).toEqual(cache('').spec);
    expect(metadata).toMatchObject({
      labels: { a: 'b', c: 'd' },
      generation: 2,
      managedFields: [{ manager: 'me', operation: 'Apply' }],
    });
    const path = '/api/v1/namespaces/default/pods/x?fieldManager=me';
    expect(await cluster.ask({ ...request, path, body: {} })).toMatchObject({ status: 501 });
  });

  test('says which port is taken', async () => {
    const port = Number(new URL(cluster.server).port);
    await expect(testSimulator({ port })).rejects.toThrow(`port ${port} of 127.0.0.1 is taken`);
  });

  test('refuses a body larger than 3 MiB', async () => {
    const answer = await cluster.ask({ method: 'POST', path: caches, body: { text: 'x'.repeat(3 * 1024 * 1024) } });
    expect(answer).toMatchObject({ status: 413, body: { reason: 'RequestEntityTooLarge' } });
  });
});
