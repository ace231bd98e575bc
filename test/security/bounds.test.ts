import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openApi } from '#runtime/api/api.ts';
import { boundNames, boundTable, countedBounds, createBounds } from '#runtime/bounds.ts';
import { createMetrics } from '#runtime/process/metrics.ts';
import { meteredBounds, processMetrics } from '#runtime/process/process-metrics.ts';
import { createRegistry } from '#runtime/registry/registry.ts';

it('docs/security.md lists every bound with its limit', async () => {
  const page = await readFile('docs/security.md', 'utf8');
  const section = page.slice(page.indexOf('\n## Bounds\n'));
  const rows = [...section.matchAll(/^\| `(\w+)` \| ([\d,]+) \| (.+) \|$/gm)].map(([, ...cells]) => cells);
  const expected = boundNames.map((name) => {
    const { limit, doc } = boundTable[name];
    return [name, limit.toLocaleString('en-US'), doc];
  });
  expect(rows).toEqual(expected);
});

describe('/metrics', () => {
  it('shows the limit of every bound, and how much is in use of those that are counted', async () => {
    const metrics = createMetrics(processMetrics);
    const bounds = meteredBounds(metrics);
    for (const name of countedBounds()) bounds[name].take();
    const { text } = await metrics.scrape();
    const shown = (metric: string): readonly string[] =>
      [...text.matchAll(new RegExp(`^${metric}\\{bound="(\\w+)"\\} (\\d+)$`, 'gm'))].map(
        ([, name = '', value = '']) => `${name} ${value}`,
      );
    expect(shown('imagecache_bound_limit')).toEqual(boundNames.map((name) => `${name} ${boundTable[name].limit}`));
    expect(shown('imagecache_bound_used')).toEqual(countedBounds().map((name) => `${name} 1`));
  });
});

describe('a server that does not answer', () => {
  const anonymous = { headers: {}, auth: undefined, tls: {}, proxy: undefined };

  /** Reports how many requests it has. */
  async function silentServer() {
    const held = new Set<ServerResponse>();
    const server = createServer((_, response) => void held.add(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { port, waiting: () => held.size, close: () => server.close() };
  }

  it('gets no more calls at once than an API server may, and they are counted', async () => {
    const server = await silentServer();
    const { api_calls: calls } = createBounds();
    const url = new URL(`http://127.0.0.1:${server.port}`);
    const api = openApi(
      { server: url, context: 'test', namespace: 'default', authorise: () => Promise.resolve(anonymous) },
      { calls },
    );
    const all = Array.from({ length: 100 }, (_, index) =>
      api.request({ method: 'GET', path: `/api/v1/nodes/${index}` }),
    );
    await expect.poll(server.waiting).toBe(boundTable.api_calls.limit);
    expect(calls.used()).toBe(boundTable.api_calls.limit);
    const settled = Promise.allSettled(all);
    api.close();
    await settled;
    expect(calls.used()).toBe(0);
    server.close();
  });

  it('gets no more calls at once than one registry may, and they are counted', async () => {
    const server = await silentServer();
    const host = `127.0.0.1:${server.port}`;
    const { registry_calls: calls } = createBounds();
    const registry = createRegistry({ certificates: '', insecure: [host], mirrors: {}, calls });
    const all = Array.from({ length: 20 }, (_, index) => registry.digest(`${host}/app/${index}`, [], 'apps'));
    await expect.poll(server.waiting).toBe(boundTable.registry_calls_to_host.limit);
    expect(calls.used()).toBe(boundTable.registry_calls_to_host.limit);
    registry.close();
    await Promise.all(all);
    expect(calls.used()).toBe(0);
    server.close();
  });
});
