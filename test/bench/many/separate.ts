import { startPlatform } from '../../interop/openfaas/platform.ts';
import { nodeOptions } from '../../../deploy/tools/images/functions-container.ts';
import { counted } from '../../behaviour/measured.ts';
import { productPrograms } from '../../support/product-programs.ts';
import type { ManySeparate } from '../results.ts';
import { measured, pull, type Order } from './round.ts';
import { simulatedCluster } from './simulated-cluster.ts';

/** The round of many caches where each function and the source is a process of its own, behind a gateway as on OpenFaaS. */
export async function manySeparate(order: Order): Promise<ManySeparate> {
  const cluster = await simulatedCluster({ nodes: order.size.nodes, pull });
  const sourceStarted = Promise.withResolvers<undefined>();
  const platform = await startPlatform({
    programs: await productPrograms(),
    flags: [`--kubeconfig=${cluster.kubeconfig}`],
    env: { PATH: process.env['PATH'], NODE_OPTIONS: nodeOptions },
    onLine: (line, from) => {
      if (from === 'source' && line.includes('"msg":"started"')) sourceStarted.resolve(undefined);
      if (/"level":"(warn|error|fatal)"/.test(line)) process.stderr.write(`${from}: ${line}\n`);
    },
  });
  try {
    platform.startSource();
    await sourceStarted.promise;
    const processes = Object.entries(platform.pids());
    const peaks = async (): Promise<readonly (readonly [string, number])[]> =>
      Promise.all(processes.map(async ([name, pid]) => [name, (await counted(pid)).peakMegabytes] as const));
    const memory = async (): Promise<number> => (await peaks()).reduce((sum, [, each]) => sum + each, 0) * 2 ** 20;
    const round = await measured(cluster, { pids: processes.map(([, pid]) => pid), memory, cgroup: undefined }, order);
    return { ...round, processes: Object.fromEntries(await peaks()) };
  } finally {
    await platform.stop();
    await cluster.stop();
  }
}
