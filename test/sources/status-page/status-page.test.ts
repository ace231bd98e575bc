import http from 'node:http';
import { readdir } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { assetFolder, assetTypes } from '../../../sources/status-page/status-page.ts';
import { busyCluster, largeCluster } from './caches.ts';
import { servePage, type PageServer } from './page-server.ts';

async function pageOf(caches = busyCluster(0)): Promise<PageServer> {
  const server = await servePage(caches);
  onTestFinished(server.close);
  return server;
}

/** fetch would normalize the dots in a path. */
const statusOf = (url: string, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    http.get(url, { path }, (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
  });

it('is served at /status/, to which / redirects, with a policy that allows nothing else to run', async () => {
  const { url } = await pageOf();
  const answer = await fetch(`${url}/`);
  expect([answer.url, answer.status]).toEqual([`${url}/status/`, 200]);
  expect(answer.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  expect(answer.headers.get('content-security-policy')).not.toContain('unsafe');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  expect(await answer.text()).not.toMatch(/<script>|<style|style="|https?:\/\//);
});

it('serves every file of its folder with its content type', async () => {
  expect((await readdir(assetFolder)).toSorted()).toEqual(Object.keys(assetTypes).toSorted());
  const { url } = await pageOf();
  for (const [name, type] of Object.entries(assetTypes)) {
    const answer = await fetch(`${url}/status/${name === 'index.html' ? '' : name}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
  }
});

it.each([
  '/status/../probes.ts',
  '/status/%2e%2e/probes.ts',
  '/status/assets.ts',
  '/status/api/',
  '/status/api/else',
  '/status/constructor',
  '/status/api/cache?namespace=__proto__&name=x',
  '/status/api/cache',
])('answers 404 at %s', async (path) => {
  const { url } = await pageOf();
  expect(await statusOf(url, path)).toBe(404);
});

it('is read-only, and does not change the probes', async () => {
  const { url } = await pageOf();
  for (const method of ['POST', 'PUT', 'DELETE']) expect((await fetch(`${url}/status/`, { method })).status).toBe(404);
  expect((await fetch(`${url}/status/`, { method: 'HEAD' })).status).toBe(200);
  expect((await fetch(`${url}/_/ready`)).status).toBe(200);
});

it('answers 304 to a request whose ETag still matches', async () => {
  const { url, know } = await pageOf();
  const first = await fetch(`${url}/status/api/caches`);
  const etag = first.headers.get('etag') ?? '';
  const again = (): Promise<Response> => fetch(`${url}/status/api/caches`, { headers: { 'if-none-match': etag } });
  expect([(await again()).status, await (await again()).text()]).toEqual([304, '']);
  know([]);
  expect((await again()).status).toBe(200);
});

it.each(['live', 'reading', 'standby'] as const)('reports that its source is %s', async (source) => {
  const { url, as } = await pageOf();
  as(source);
  expect(await (await fetch(`${url}/status/api/caches`)).json()).toMatchObject({ source });
});

it('answers for 1,000 nodes and 50 images with little data', async () => {
  const { url } = await pageOf(largeCluster(0));
  const caches = await (await fetch(`${url}/status/api/caches`)).text();
  const cache = await (await fetch(`${url}/status/api/cache?namespace=platform&name=all-services`)).text();
  const node = await (
    await fetch(`${url}/status/api/node?namespace=platform&name=all-services&node=ip-10-0-18`)
  ).text();
  expect([caches.length < 5_000, cache.length < 25_000, node.length < 10_000]).toEqual([true, true, true]);
});
