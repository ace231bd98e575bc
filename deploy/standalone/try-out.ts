import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parse } from 'yaml';
import type { Api } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import type { Config } from '#runtime/config/config.ts';
import { createLog } from '#runtime/process/log.ts';
import { paths } from '#runtime/api/paths.ts';
import type { Registry } from '#runtime/registry/registry.ts';
import { startSimulator } from '@imagecache-functions/simulator';
import { followCaches } from './follow-caches.ts';
import type { Line } from './progress.ts';
import type { Screen } from './screen.ts';
import { simulateRemoval } from './simulate-removal.ts';
import { startStandalone } from './start-standalone.ts';

export type TryOutOptions = {
  readonly config: Config;
  readonly screen: Screen;
  /** Folder of the kubeconfig. */
  readonly folder: string;
};

const root = join(import.meta.dirname, '../..');
const crd = join(root, 'crds/imagecache.yaml');
const sampleFile = 'deploy/samples/first-light.yaml';
const sample = { namespace: 'default', name: 'first-light' };
/** Milliseconds between two checks whether the nodes are Ready. */
const interval = 100;

/** Shows the program at work on a simulated cluster in this process, and keeps serving it; returns when the sample is applied. */
export async function tryOut({ config, screen, folder }: TryOutOptions): Promise<void> {
  const log = createLog(config.logLevel, screen.log);
  screen.print(introduction);
  const failed = (what: string, err: unknown): void => log.error({ err }, what);
  const cluster = await startSimulator({ crds: [crd], program: simulateRemoval, failed });
  const stops = [cluster.stop];
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    await cluster.kubeconfig(kubeconfig);
    const here = { ...config, kubeconfig, sink: '', routes: {} };
    const standalone = await startStandalone(here, {
      log,
      registry: noRegistry,
      host: '127.0.0.1',
      lockFolder: folder,
    });
    stops.push(standalone.stop);
    const api = createApi(here);
    let isFirst = true;
    const onSettled = (): void => {
      if (isFirst) screen.print(whatNext(kubeconfig, standalone.statusPagePort));
      isFirst = false;
    };
    await applySample(api);
    const never = new AbortController().signal;
    followCaches({ api, log, screen, signal: never, onSettled });
  } catch (error) {
    for (const stop of stops.toReversed()) await stop();
    throw error;
  }
}

/** Nothing is pulled, so no registry outside is asked. */
const noRegistry: Registry = {
  digest: () => Promise.resolve({ type: 'unknown', reason: 'the simulation asks no registry' }),
  anonymousPull: () => Promise.resolve(undefined),
  close: () => undefined,
};

/** Does what a user would do with kubectl: wait for the nodes, label one, apply the sample. */
async function applySample(api: Api): Promise<void> {
  while (!(await createCluster(api).nodes()).every(({ isReady }) => isReady)) await pause(interval);
  await api.request({
    method: 'PATCH',
    path: paths.node('node-1'),
    contentType: 'application/merge-patch+json',
    body: { metadata: { labels: { tier: 'backend' } } },
  });
  const manifest: unknown = parse(await readFile(join(root, sampleFile), 'utf8'));
  await api.request({
    method: 'PATCH',
    path: `${paths.cache(sample)}?fieldManager=kubectl`,
    contentType: 'application/apply-patch+yaml',
    body: manifest,
  });
}

const introduction: readonly Line[] = [
  'Running on a simulated cluster, never for production: a Kubernetes API in this process,',
  'three simulated nodes and simulated image pulls.',
  'To use a real cluster: npm start -- --kubeconfig FILE',
  '',
  'kubectl label node node-1 tier=backend',
  `kubectl apply --server-side -f ${sampleFile}`,
  '',
].map((text) => ({ text }));

const whatNext = (kubeconfig: string, statusPort: number | undefined): readonly Line[] =>
  [
    'The sample includes one bad image on purpose. The simulation keeps running. In another terminal, try:',
    '',
    `  export KUBECONFIG=${kubeconfig}`,
    `  kubectl describe imagecache ${sample.name}    # status of each node`,
    `  kubectl edit imagecache ${sample.name}        # remove the line with "missing", and it succeeds`,
    '  kubectl label node node-2 tier=backend     # node-2 now matches the selector and pulls more',
    '',
    ...(statusPort === undefined ? [] : [`Status page: http://127.0.0.1:${statusPort}/status/`, '']),
    'Press Ctrl-C to stop; nothing is left behind.',
    '',
  ].map((text) => ({ text }));
