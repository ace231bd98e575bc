import http from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryCluster, type TemporaryCluster } from './temporary-cluster.ts';
import { type ProductProcess, startProduct } from './product-process.ts';

type Sent = { readonly method?: string; readonly path: string; readonly headers?: http.OutgoingHttpHeaders };

/** fetch would not send another Host. */
function statusOf(port: number, { method = 'GET', path, headers = {} }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      resolve(response.resume().statusCode ?? 0);
    });
    request.on('error', reject).end();
  });
}

const event = {
  ...{ 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/x', 'ce-type': 'dev.knative.apiserver.ref.update' },
  ...{ 'ce-kind': 'ImageCache', 'ce-apiversion': 'v1', 'ce-namespace': 'n', 'ce-name': 'c' },
};
const crossSite = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', origin: 'https://evil.example' };
const rebound = { host: 'evil.example:8080' };
const pages = ['/metrics', '/status/', '/status/api/caches'] as const;
/** The port of a page in a process that has the status page. */
const portOf = (path: string, { port, log }: ProductProcess): number =>
  path === '/metrics' ? port : Number(/"statusPagePort":(\d+)/.exec(log())?.[1]);

describe('a web page (attack 15)', { timeout: 60_000 }, () => {
  let cluster: TemporaryCluster;
  let standalone: ProductProcess;
  let one: ProductProcess;
  beforeAll(async () => {
    cluster = await temporaryCluster();
    const { kubeconfig } = cluster;
    [standalone, one] = await Promise.all([
      startProduct({
        kubeconfig,
        env: { STATUS_PAGE: 'true', STATUS_PAGE_PORT: '0', ALLOWED_HOSTS: 'cache.example.com' },
      }),
      startProduct({ program: 'functions', kubeconfig, env: { FUNCTION: 'refresh', EVENT_TOKEN: 's3cret' } }),
    ]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([standalone.stop(), one.stop()]);
    await cluster.remove();
  });

  it.each(pages)('reads nothing at %s by a name of its own, or from another site', async (path) => {
    expect(await statusOf(portOf(path, standalone), { path, headers: rebound })).toBe(403);
    expect(await statusOf(portOf(path, standalone), { path, headers: crossSite })).toBe(403);
  });

  it.each(pages)('leaves %s to addresses, names of the cluster and allowed ones, and to links', async (path) => {
    const link = { ...crossSite, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    for (const host of ['10.0.0.1:8080', '[::1]:8080', 'localhost:8080', 'x.kube-fledged.svc', 'cache.example.com'])
      expect([host, await statusOf(portOf(path, standalone), { path, headers: { host } })]).toEqual([host, 200]);
    expect(await statusOf(portOf(path, standalone), { path, headers: link })).toBe(200);
  });

  it('finds no status page on the port of events, and that of the page on no address but 127.0.0.1', async () => {
    for (const path of ['/', '/status/', '/status/api/caches'])
      expect([path, await statusOf(standalone.port, { path })]).toEqual([path, 404]);
    const port = portOf('/status/', standalone);
    const others = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
    for (const { address } of others.filter(({ internal, family }) => !internal && family === 'IPv4'))
      await expect(fetch(`http://${address}:${port}/status/`)).rejects.toThrow('fetch failed');
  });

  it('sends no events, and nobody does to a process that has sources of its own', async () => {
    const post = { method: 'POST', path: '/refresh' };
    expect(await statusOf(standalone.port, { ...post, headers: event })).toBe(405);
    const known = { authorization: 'Bearer s3cret' };
    expect(await statusOf(one.port, { ...post, headers: { ...known, ...crossSite } })).toBe(403);
    expect(await statusOf(one.port, { ...post, headers: { ...known, origin: 'http://evil.example:8080' } })).toBe(403);
    expect(await statusOf(one.port, { ...post, headers: known })).toBe(204);
  });

  it('cannot guess the secret that events have to carry, where there is one', async () => {
    const post = { method: 'POST', path: '/' };
    for (const authorization of ['', 'Bearer ', 'Bearer s3cre', 'Bearer s3cret1', 's3cret'])
      expect([authorization, await statusOf(one.port, { ...post, headers: { ...event, authorization } })]).toEqual([
        authorization,
        401,
      ]);
    expect(await statusOf(one.port, { ...post, headers: event })).toBe(401);
    expect(await statusOf(one.port, { path: '/_/ready' })).toBe(200);
  });

  it('reaches no API of the simulation, not even with a POST that has no type', async () => {
    const port = Number(new URL(cluster.server).port);
    const path = '/api/v1/namespaces';
    expect(await statusOf(port, { path, headers: rebound })).toBe(403);
    expect(await statusOf(port, { path, headers: crossSite })).toBe(403);
    expect(await statusOf(port, { method: 'POST', path, headers: crossSite })).toBe(403);
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'made' } });
    const posted = await fetch(`${cluster.server}${path}`, { method: 'POST', body: new Blob([body]) });
    expect(posted.status).toBe(415);
  });

  it('finds no port on other addresses of a machine, outside of a Pod', async () => {
    const others = Object.values(networkInterfaces()).flatMap((each = []) =>
      each.filter(({ family, internal }) => family === 'IPv4' && !internal),
    );
    for (const host of ['127.0.0.2', ...others.map(({ address }) => address)])
      for (const { port } of [standalone, one])
        await expect(fetch(`http://${host}:${port}/_/health`)).rejects.toThrow('fetch failed');
  });
});
