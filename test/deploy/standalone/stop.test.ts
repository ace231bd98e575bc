import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { paths } from '#runtime/api/paths.ts';
import { readConfig } from '#runtime/config/config.ts';
import type { Registry } from '#runtime/registry/registry.ts';
import { startSimulator } from '@imagecache-functions/simulator';
import { type Standalone, startStandalone } from '../../../deploy/standalone/start-standalone.ts';
import { textAt } from '../../../sources/kubernetes/json.ts';
import { startSources } from '../../../sources/start-sources.ts';
import { repetitions } from '../../support/repetitions.ts';
import { slowCreation } from './slow-creation.ts';
import { temporaryFolder } from './start-command.ts';

const log = pino({ level: 'silent' });
const waiting = { timeout: 20_000, interval: 20 };
const cache = { namespace: 'default', name: 'web' };
const lease = { namespace: 'default', name: 'imagecache-functions-source' };
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${lease.namespace}/leases/${lease.name}`;

/** Milliseconds; nothing here depends on how long pulls take. */
const instantly = { nodeReady: 0, pull: [1, 2], sandbox: 1, run: 1, settle: 1, jobSync: 1 } as const;

/** A standalone program on a simulated cluster, with one cache whose images are present. */
async function standaloneWithCache(
  registry: Registry,
): Promise<{ readonly api: Api; readonly standalone: Standalone }> {
  const cluster = await startSimulator({ crds: ['crds/imagecache.yaml'], nodes: 1, timings: instantly });
  onTestFinished(cluster.stop);
  const folder = await temporaryFolder();
  const kubeconfig = join(folder, 'kubeconfig');
  await cluster.kubeconfig(kubeconfig);
  const config = { ...readConfig([], { PORT: '0' }), kubeconfig };
  const api = createApi(config);
  onTestFinished(api.close);
  await vi.waitFor(async () => expect((await createCluster(api).nodes())[0]?.isReady).toBe(true), waiting);
  const standalone = await startStandalone(config, { host: '127.0.0.1', lockFolder: folder, log, registry });
  onTestFinished(standalone.stop);
  const metadata = cache;
  const spec = { cacheSpec: [{ images: ['registry.example/web:latest'] }] };
  const body = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata, spec };
  await api.request({ method: 'POST', path: paths.caches(cache.namespace), body });
  await vi.waitFor(
    async () => expect((await createCluster(api).cache(cache))?.status.status).toBe('Succeeded'),
    waiting,
  );
  return { api, standalone };
}

const requestRefresh = (api: Api): Promise<unknown> =>
  api.request({
    method: 'PATCH',
    path: paths.cache(cache),
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [annotations.refresh]: '' } } },
  });

const holderOf = async (api: Api): Promise<string | undefined> =>
  textAt(await api.request({ method: 'GET', path: leasePath }), 'spec', 'holderIdentity');

it('aborts a running handler and releases the Lease at once, and a standby leads within 3 s', async () => {
  let calls = 0;
  const hangingRegistry: Registry = {
    anonymousPull: () => Promise.resolve(undefined),
    digest: () => {
      calls += 1;
      return new Promise(() => undefined);
    },
    close: () => undefined,
  };
  const { api, standalone } = await standaloneWithCache(hangingRegistry);
  const standby = startSources({
    ...{ api, log, tickSchedule: '', sink: () => Promise.resolve() },
    lease: { namespace: lease.namespace, identity: 'standby' },
  });
  onTestFinished(standby.stop);
  calls = 0;
  await requestRefresh(api);
  // The refresh waits up to 15 s for the registry.
  await vi.waitFor(() => expect(calls).toBe(1), waiting);
  const stoppedAt = performance.now();
  await standalone.stop();
  expect(performance.now() - stoppedAt).toBeLessThan(1_000);
  expect(['', 'standby']).toContain(await holderOf(api));
  const remaining = 3_000 - (performance.now() - stoppedAt);
  await vi.waitFor(() => expect(standby.leads()).toBe(true), { timeout: remaining, interval: 20 });
}, 60_000);

it('stops in the middle of a large round: no more Jobs are created, and the next leader goes on', async () => {
  // With 100 and more, the next leader first waits 15 s, as somebody else may be busy with the round.
  const nodes = repetitions(95, 200);
  const cluster = await startSimulator({ crds: ['crds/imagecache.yaml'], nodes, timings: instantly });
  const slow = await slowCreation(cluster.server, 200);
  onTestFinished(slow.close);
  onTestFinished(cluster.stop);
  const folder = await temporaryFolder();
  const kubeconfig = join(folder, 'kubeconfig');
  await cluster.kubeconfig(kubeconfig);
  const config = { ...readConfig([], { PORT: '0' }), kubeconfig, leaderElection: true };
  const api = createApi(config);
  onTestFinished(api.close);
  const options = { host: '127.0.0.1', lockFolder: folder, log };
  const first = await startStandalone({ ...config, master: slow.url }, options);
  onTestFinished(first.stop);
  const metadata = cache;
  const spec = { cacheSpec: [{ images: ['registry.example/web:1'] }] };
  const body = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata, spec };
  await api.request({ method: 'POST', path: paths.caches(cache.namespace), body });
  await vi.waitFor(() => expect(slow.created()).toBeGreaterThan(10), waiting);
  const [stoppedAt, before] = [performance.now(), slow.created()];
  await first.stop();
  expect(performance.now() - stoppedAt).toBeLessThan(2_000);
  expect(await holderOf(api)).toBe('');
  expect(slow.created() - before).toBeLessThanOrEqual(64);
  expect(slow.created()).toBeLessThan(nodes);
  const next = await startStandalone(config, options);
  onTestFinished(next.stop);
  await vi.waitFor(
    async () => {
      const status = (await createCluster(api).cache(cache))?.status;
      expect(status?.status).toBe('Succeeded');
      expect(Object.values(status?.nodes ?? {}).filter(({ state }) => state === 'Ready')).toHaveLength(nodes);
    },
    { timeout: 50_000, interval: 100 },
  );
}, 90_000);
