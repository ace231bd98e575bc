/**
 * `npm run path`: which files of functions and sources run between the creation of an ImageCache and its result, on a
 * simulated cluster in this process. Prints them by folder, with the number of functions that ran in each.
 */
import { Session } from 'node:inspector/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { createApi } from '#runtime/api/create-api.ts';
import { readConfig } from '#runtime/config/config.ts';
import { startSimulator } from '@imagecache-functions/simulator';
import { startStandalone } from '../../deploy/standalone/start-standalone.ts';

const root = join(import.meta.dirname, '../..');
const caches = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';
const manifest = {
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name: 'path' },
  spec: { cacheSpec: [{ images: ['registry.example/a:1', 'registry.example/b:1'] }] },
};

const folder = await mkdtemp(join(tmpdir(), 'imagecache-path-'));
const simulator = await startSimulator({ crds: [join(root, 'crds/imagecache.yaml')] });
const kubeconfig = join(folder, 'kubeconfig');
await simulator.kubeconfig(kubeconfig);
const config = readConfig(['--kubeconfig', kubeconfig, '--port', '0'], {});
const log = pino({ level: 'silent' });
const standalone = await startStandalone(config, { log, host: '127.0.0.1', lockFolder: folder });
const api = createApi(config);
await pause(3_000); // until the sources have delivered what they found at their start
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
await session.post('Profiler.takePreciseCoverage'); // what ran until now is not counted
await api.request({ method: 'POST', path: caches, body: manifest });
while ((await statusOf()) !== 'Succeeded') await pause(100);
const { result } = await session.post('Profiler.takePreciseCoverage');
const files = result.flatMap(({ url, functions }) => {
  if (!url.startsWith('file:')) return [];
  const file = relative(root, fileURLToPath(url));
  const ran = functions.filter(({ functionName, ranges: [range] }) => functionName !== '' && (range?.count ?? 0) > 0);
  return /^(functions|sources)\//.test(file) && ran.length > 0 ? [{ file, ran: ran.length }] : [];
});
for (const { file, ran } of files.toSorted((a, b) => (a.file < b.file ? -1 : 1)))
  process.stdout.write(`${String(ran).padStart(4)}  ${file}\n`);
const functions = files.reduce((sum, { ran }) => sum + ran, 0);
process.stdout.write(`${files.length} files, ${functions} functions\n`);
await standalone.stop();
await simulator.stop();
api.close();
await rm(folder, { recursive: true });

async function statusOf(): Promise<unknown> {
  const cache = (await api.request({ method: 'GET', path: `${caches}/path` })) as { status?: { status?: string } };
  return cache.status?.status;
}
