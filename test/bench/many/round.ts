import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { counted } from '../../behaviour/measured.ts';
import type { Cgroup } from '../../security/memory/cgroup.ts';
import { cpuSeconds } from '../processor.ts';
import type { ManyRound } from '../results.ts';
import { allDone, applyCaches, cacheOf, noJobsLeft } from './caches.ts';
import { recordMemory } from './memory-record.ts';
import { requestTable, totalsOf } from './requests.ts';
import { withLimitedProduct } from './limited-product.ts';
import { cachesPath, simulatedCluster, type SimulatedCluster } from './simulated-cluster.ts';
import type { ManySize } from './sizes.ts';

/** Milliseconds that one simulated pull takes at least and at most. */
export const pull = [50, 200] as const;

export type Order = { readonly size: ManySize; readonly timeoutSeconds: number };

/** Measures the round of many caches that are applied together, beside idle ones. */
export async function manyRound(order: Order): Promise<ManyRound> {
  const { size } = order;
  const cluster = await simulatedCluster({ nodes: size.nodes, pull });
  try {
    return await withLimitedProduct({ kubeconfig: cluster.kubeconfig }, async ({ product, cgroup }) => {
      await idleCaches(cluster, size);
      return measured(cluster, { pids: [product.pid], memory: product.memory, cgroup }, order);
    });
  } finally {
    await cluster.stop();
  }
}

const baseline = join(import.meta.dirname, '../baseline/main.ts');

/** The same by the program that works by kube-fledged's rules. */
export async function baselineRound(order: Order): Promise<ManyRound> {
  const cluster = await simulatedCluster({ nodes: order.size.nodes, pull });
  const child = spawn(process.execPath, [baseline, `--kubeconfig=${cluster.kubeconfig}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const pid = child.pid ?? 0;
  try {
    await once(child.stdout, 'data'); // it is watching
    const memory = async (): Promise<number> => (await counted(pid)).peakMegabytes * 2 ** 20;
    return await Promise.race([measured(cluster, { pids: [pid], memory, cgroup: undefined }, order), failure(ended)]);
  } finally {
    child.kill('SIGKILL');
    await ended;
    await cluster.stop();
  }
}

/** Throws once the program ends: nothing would be measured until the time is out. */
async function failure(ended: Promise<unknown>): Promise<never> {
  await ended;
  throw new Error('the program that works by the rules of kube-fledged ended');
}

/** Caches of a few images on a few nodes each, whose rounds are over. */
async function idleCaches(cluster: SimulatedCluster, { idle, nodes }: ManySize): Promise<void> {
  for (let cache = 0; cache < idle; cache += 1) {
    const numbers = Array.from({ length: Math.min(20, nodes) }, (_, index) => 1 + ((cache * 20 + index) % nodes));
    const values = numbers.map((number) => `node-${number}`);
    const selected = { nodeMatchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] };
    await cluster.send('POST', cachesPath, cacheOf(`idle-${cache}`, 5, selected));
  }
  await allDone(cluster, 600);
  await noJobsLeft(cluster);
}

export type Watched = {
  /** Of all its processes. */
  readonly pids: readonly number[];
  /** Bytes of all together. */
  readonly memory: () => Promise<number>;
  readonly cgroup: Cgroup | undefined;
};

/** Applies the caches and measures until all are done. */
export async function measured(
  cluster: SimulatedCluster,
  { pids, memory, cgroup }: Watched,
  { size, timeoutSeconds }: Order,
): Promise<ManyRound> {
  await cluster.requests('reset');
  const [cpuBefore, load] = [await secondsOf(pids), loadavg()[0] ?? 0];
  const recorded = recordMemory({ cgroup, memory });
  const start = Date.now();
  await applyCaches(cluster, size.caches, size.images);
  const statuses = await allDone(cluster, timeoutSeconds);
  const secondsToDone = (Date.now() - start) / 1000;
  await noJobsLeft(cluster);
  const requests = await cluster.requests();
  const { count = 0, firstAt = Number.NaN, lastAt = Number.NaN } = requests['POST jobs'] ?? {};
  const { resident, charged, samples } = await recorded.stop();
  return {
    ...size,
    succeeded: statuses.filter((status) => status === 'Succeeded').length - size.idle,
    jobs: count,
    secondsToFirstJob: (firstAt - start) / 1000,
    secondsToJobs: (lastAt - start) / 1000,
    secondsToDone,
    ...totalsOf(requests),
    requests: requestTable(requests),
    residentMegabytes: resident,
    chargedMegabytes: charged,
    memory: samples.map((sample) => [...sample]),
    cpuSeconds: (await secondsOf(pids)) - cpuBefore,
    load,
  };
}

async function secondsOf(pids: readonly number[]): Promise<number> {
  const seconds = await Promise.all(pids.map(cpuSeconds));
  return seconds.reduce((sum, each) => sum + each, 0);
}
