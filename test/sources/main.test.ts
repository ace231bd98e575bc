import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ApiCall } from '#runtime/api/api.ts';
import { at } from '../../sources/kubernetes/json.ts';
import { serveApi } from '../support/api/serve-api.ts';
import { inMemoryApi } from '../support/api/in-memory-api.ts';
import { compileCache } from '../support/compile-cache.ts';
import { productProgram } from '../support/product-programs.ts';
import { answer, scriptedServer } from '../support/scripted-server.ts';
import { imageCache, pathOf } from './objects.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

type Started = { readonly child: ChildProcess; readonly output: () => string };

/** The sources as in the image, as a process with a minimal environment. */
async function start(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Started> {
  const child = spawn(process.execPath, [await productProgram('sources'), ...args], {
    env: { PATH: process.env['PATH'], ...compileCache, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  cleanups.push(() => child.kill('SIGKILL'));
  return { child, output: () => output };
}

async function kubeconfig(server: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sources-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    clusters: [{ name: 'test', cluster: { server } }],
    users: [{ name: 'test', user: {} }],
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

it('as a process, the sources send events to K_SINK, report when they are ready, and stop at SIGTERM', async () => {
  const api = inMemoryApi();
  api.apply(imageCache());
  const [server, sink] = [await serveApi(api), await scriptedServer((response) => answer(response, 202, {}))];
  cleanups.push(server.close, sink.close);
  const { child, output } = await start(['--kubeconfig', await kubeconfig(server.url)], {
    K_SINK: `${sink.url}/broker`,
    K_CE_OVERRIDES: '{"extensions":{"team":"infra"}}',
    // A tick would be one more event.
    TICK_SCHEDULE: '0 0 1 1 *',
    PORT: '0',
  });
  await vi.waitFor(() => expect(sink.received).toHaveLength(1), { timeout: 15_000 });
  expect(sink.received[0]?.headers).toMatchObject({
    'ce-cache': 'apps/web',
    'ce-team': 'infra',
    'ce-source': server.url,
  });
  api.apply(imageCache({ generation: 2 }));
  await vi.waitFor(() => expect(sink.received).toHaveLength(2), { timeout: 5_000 });
  const port = /"port":(\d+)/.exec(output())?.[1] ?? '';
  const statuses = ['/_/health', '/_/ready', '/else'].map(
    async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status,
  );
  expect(await Promise.all(statuses)).toEqual([200, 200, 404]);
  const holder = () => at(api.read(pathOf('leases', 'default/imagecache-functions-source')), 'spec', 'holderIdentity');
  expect(holder()).not.toBe('');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(holder()).toBe('');
});

describe('with a delivery in flight that the sink never answers', { timeout: 60_000 }, () => {
  const leaseKey = 'default/imagecache-functions-source';

  async function startDelivering(beforeCall: (call: ApiCall) => Promise<void> = () => Promise.resolve()) {
    const api = inMemoryApi();
    api.apply(imageCache());
    const request = async (call: ApiCall): Promise<unknown> => {
      await beforeCall(call);
      return api.request(call);
    };
    const [server, sink] = [await serveApi({ ...api, request }), await scriptedServer(() => undefined)];
    cleanups.push(server.close, sink.close);
    const { child } = await start(['--kubeconfig', await kubeconfig(server.url)], { K_SINK: sink.url, PORT: '0' });
    await vi.waitFor(() => expect(sink.received).toHaveLength(1), { timeout: 40_000 });
    return { child, holder: () => at(api.read(pathOf('leases', leaseKey)), 'spec', 'holderIdentity') };
  }

  it('SIGTERM aborts the delivery, releases the Lease and ends the process within 5 s', async () => {
    const { child, holder } = await startDelivering();
    expect(holder()).not.toBe('');
    const stoppedAt = performance.now();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    expect(holder()).toBe('');
  });

  it('a second SIGTERM ends the process at once, even while the Lease is being released', async () => {
    const releasing = Promise.withResolvers<undefined>();
    let isStopping = false;
    const { child } = await startDelivering(({ method }) => {
      if (!isStopping || method !== 'PUT') return Promise.resolve();
      releasing.resolve(undefined);
      return new Promise(() => undefined);
    });
    isStopping = true;
    child.kill('SIGTERM');
    await releasing.promise;
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });
});

it('exits with a message when its port is in use', async () => {
  const [server, taken] = [await serveApi(inMemoryApi()), await scriptedServer(() => undefined)];
  cleanups.push(server.close, taken.close);
  const env = { K_SINK: taken.url, PORT: new URL(taken.url).port };
  const { child, output } = await start(['--kubeconfig', await kubeconfig(server.url)], env);
  expect(await once(child, 'exit')).toEqual([1, null]);
  const message = `cannot listen on port ${env.PORT}: EADDRINUSE; set PORT to another one`;
  await vi.waitFor(() => expect(output()).toContain(message), { timeout: 10_000 });
}, 60_000);

it('exits with a message when events have no destination', async () => {
  const { child, output } = await start(['--kubeconfig', await kubeconfig('http://127.0.0.1:9')], {});
  expect(await once(child, 'exit')).toEqual([1, null]);
  await vi.waitFor(() => expect(output()).toBe('events have no destination: set K_SINK or ROUTES\n'), {
    timeout: 10_000,
  });
});
