import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator, type SimulatorOptions } from '../../../deploy/simulator/start-simulator.ts';
import type { Timings } from '../../../deploy/simulator/timings.ts';
import { type ApiClient, apiClient } from './api-client.ts';

/** A simulator that hurries: pulls of some milliseconds, back-offs of a tenth of a second. */
const hurried: Partial<Timings> = {
  nodeReady: 20,
  pull: [5, 20],
  slowPull: 400,
  hang: 60_000,
  backOff: 150,
  sandbox: 10,
  run: 10,
  settle: 20,
  jobSync: 20,
  nodeStatus: 20,
  podCleanup: 50,
};

export type TestSimulator = {
  readonly ask: ApiClient;
  readonly server: string;
  readonly kubeconfig: string;
  readonly stop: () => Promise<void>;
};

export const crdFile = join(import.meta.dirname, '../../../crds/imagecache.yaml');

/** Starts one with our CRD and whatever else is wished, on a free port; its own failures fail the test that stops it. */
export const testSimulator = async (options: Partial<SimulatorOptions> = {}): Promise<TestSimulator> => {
  const failures: string[] = [];
  const cluster = await startSimulator({
    crds: [crdFile],
    timings: hurried,
    failed: (what, error) => failures.push(`${what}: ${String(error)}`),
    ...options,
  });
  const folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await cluster.kubeconfig(kubeconfig);
  return {
    ask: await apiClient(kubeconfig),
    server: cluster.server,
    kubeconfig,
    stop: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true });
      if (failures.length > 0) throw new Error(failures.join('\n'));
    },
  };
};
