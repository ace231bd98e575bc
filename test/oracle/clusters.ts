import type { Ending } from './ending.ts';
import { embeddedTraits, playEmbedded } from './embedded.ts';
import type { History } from './history.ts';
import type { Traits } from './stage.ts';

/** A kind of cluster on which histories are played. */
export type Cluster = {
  readonly traits: Traits;
  /** The number of histories at once in one process. */
  readonly atOnce: number;
  readonly play: (history: History, log?: (line: string) => void) => Promise<Ending>;
  readonly stop: () => Promise<void>;
};

const embedded: Cluster = { traits: embeddedTraits, atOnce: 1, play: playEmbedded, stop: () => Promise.resolve() };

export type ClusterName = 'embedded' | 'control-plane' | 'nodes';

/** Starts a kind of cluster: those that are real are a lab, with all that it needs, which is loaded only for them. */
export async function startCluster(name: ClusterName): Promise<Cluster> {
  if (name === 'embedded') return embedded;
  const [{ labCluster }, { startLab }] = await Promise.all([import('./lab-cluster.ts'), import('../cluster/lab.ts')]);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  // Each running product listens for our exit.
  process.setMaxListeners(0);
  const lab = await startLab(name === 'nodes' ? { nodes: 2 } : {});
  const cluster = await labCluster(lab, name);
  return {
    ...cluster,
    stop: async () => {
      await cluster.stop();
      await lab.stop();
    },
  };
}
