import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '@imagecache-functions/simulator';

export type TemporaryCluster = {
  readonly server: string;
  readonly kubeconfig: string;
  readonly remove: () => Promise<void>;
};

/** A simulated cluster with a kubeconfig in a folder of its own. */
export async function temporaryCluster(): Promise<TemporaryCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'attacks-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = await startSimulator({ crds: ['crds/imagecache.yaml'] });
  await cluster.kubeconfig(kubeconfig);
  return {
    server: cluster.server,
    kubeconfig,
    remove: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true });
    },
  };
}
