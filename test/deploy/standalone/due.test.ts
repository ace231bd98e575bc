import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createApi } from '#runtime/api/create-api.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { paths } from '#runtime/api/paths.ts';
import { readConfig } from '#runtime/config/config.ts';
import { startSimulator } from '@imagecache-functions/simulator';
import { startStandalone } from '../../../deploy/standalone/start-standalone.ts';
import { temporaryFolder } from './start-command.ts';

const timings = { nodeReady: 0, pull: [1, 2], sandbox: 1, run: 1, settle: 1, jobSync: 1 } as const;
const cache = { namespace: 'default', name: 'web' };
/** Far less than the minute between two ticks. */
const soon = { timeout: 15_000, interval: 50 };

it('starts the next wave as soon as its pause is over, without a tick', async () => {
  const cluster = await startSimulator({ crds: ['crds/imagecache.yaml'], nodes: 7, timings });
  onTestFinished(cluster.stop);
  const folder = await temporaryFolder();
  const kubeconfig = join(folder, 'kubeconfig');
  await cluster.kubeconfig(kubeconfig);
  // A tick once a year.
  const config = { ...readConfig([], { PORT: '0', TICK_SCHEDULE: '0 0 1 1 *' }), kubeconfig };
  const api = createApi(config);
  onTestFinished(api.close);
  await vi.waitFor(async () => expect(await createCluster(api).nodes()).toHaveLength(7), soon);
  const options = { host: '127.0.0.1', lockFolder: folder, log: pino({ level: 'silent' }) };
  const standalone = await startStandalone(config, options);
  onTestFinished(standalone.stop);
  const rollout = { canaryNodes: 1, growth: 2, pauseSeconds: 2 };
  const spec = { rollout, cacheSpec: [{ images: ['registry.example/web:1'] }] };
  const body = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata: cache, spec };
  const began = Date.now();
  await api.request({ method: 'POST', path: paths.caches(cache.namespace), body });
  await vi.waitFor(async () => expect((await createCluster(api).cache(cache))?.status.status).toBe('Succeeded'), soon);
  // Waves of 1, 2 and 4 nodes with a pause before the second and the third.
  expect(Date.now() - began).toBeGreaterThan(4000);
}, 40_000);
