import { setTimeout as pause } from 'node:timers/promises';
import { nodeOptions } from '../../../deploy/tools/images/functions-container.ts';
import { type ProductProcess, startProduct } from '../product-process.ts';
import { temporaryCluster } from '../temporary-cluster.ts';
import { createCgroup, type Cgroup } from './cgroup.ts';
import { type Load, silentRegistry, type Target } from './loads.ts';

/** What was seen during one load: peaks, and how probes fared. */
export type Seen = {
  readonly load: string;
  readonly outcome: string;
  readonly peakMegabytes: number;
  readonly slowestProbe: number;
  /** How many probes in succession got no answer within a second: at three a kubelet restarts the container. */
  readonly missedProbes: number;
  /** Why the program ended; undefined while it runs. */
  readonly ended: string | undefined;
};

export type Sample = {
  readonly seconds: number;
  readonly load: string;
  readonly megabytes: number;
  readonly probe: number;
};

type Options = {
  /** Bytes of memory that the program may have; without the right to limit it, they are only measured. */
  readonly limit: number;
  readonly loads: readonly Load[];
  readonly onSample?: (sample: Sample) => void;
};

/** Applies loads one after another to the program as in its image, in a cgroup as in its container. */
export async function runLoads({
  limit,
  loads,
  onSample,
}: Options): Promise<{ isLimited: boolean; seen: readonly Seen[] }> {
  const [cluster, registry] = [await temporaryCluster(), await silentRegistry()];
  const cgroup = createCgroup(`imagecache-attack-${process.pid}`, limit);
  const product = await startProduct({
    kubeconfig: cluster.kubeconfig,
    env: { NODE_OPTIONS: nodeOptions, RECEIVE_EVENTS: 'true', REGISTRY_INSECURE: registry.host },
    by: cgroup?.by ?? [],
  });
  try {
    const target = { port: product.port, server: cluster.server, silentRegistry: registry.host };
    const seen: Seen[] = [];
    const begin = performance.now();
    for (const load of loads) seen.push(await oneLoad(load, target, { product, cgroup, begin, onSample }));
    return { isLimited: cgroup !== undefined, seen };
  } finally {
    await product.stop();
    registry.close();
    await cluster.remove();
    cgroup?.remove();
  }
}

type Watching = {
  readonly product: ProductProcess;
  readonly cgroup: Cgroup | undefined;
  readonly begin: number;
  readonly onSample: ((sample: Sample) => void) | undefined;
};

async function oneLoad({ name, apply }: Load, target: Target, watching: Watching): Promise<Seen> {
  let isOver = false;
  const watched = watch(name, watching, () => isOver);
  const outcome = await apply(target);
  isOver = true;
  return { load: name, outcome, ...(await watched), ended: watching.product.ended() };
}

async function watch(
  load: string,
  { product, cgroup, begin, onSample }: Watching,
  isOver: () => boolean,
): Promise<Pick<Seen, 'peakMegabytes' | 'slowestProbe' | 'missedProbes'>> {
  let [peakMegabytes, slowestProbe, missed, missedProbes] = [0, 0, 0, 0];
  while (!isOver() && product.ended() === undefined) {
    const probe = await probed(product.port);
    missed = probe === undefined ? missed + 1 : 0;
    missedProbes = Math.max(missedProbes, missed);
    const bytes = await (cgroup?.used() ?? product.memory()).catch(() => 0);
    const megabytes = Math.round(bytes / 1e6);
    peakMegabytes = Math.max(peakMegabytes, megabytes);
    slowestProbe = Math.max(slowestProbe, probe ?? 1000);
    onSample?.({ seconds: Math.round((performance.now() - begin) / 1000), load, megabytes, probe: probe ?? Infinity });
    await pause(250);
  }
  return { peakMegabytes, slowestProbe, missedProbes };
}

/** Milliseconds until a probe is answered; undefined after a second, as for a kubelet. */
async function probed(port: number): Promise<number | undefined> {
  const begin = performance.now();
  try {
    await fetch(`http://127.0.0.1:${port}/_/health`, { signal: AbortSignal.timeout(1000) });
    return Math.round(performance.now() - begin);
  } catch {
    return undefined;
  }
}
