import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '@imagecache-functions/simulator';
import { simulateRemoval } from '../../deploy/standalone/simulate-removal.ts';
import { run, type Result } from '../cluster/run.ts';
import { kubectls } from '@imagecache-functions/simulator/testing';
import type { ClusterKind, ClusterUnderTest } from './cluster-under-test.ts';
import { addSimulatedNode, simulatedImage } from './simulated-cluster.ts';

const [kubectl] = kubectls();

export const simulatorKind: ClusterKind = {
  name: 'the simulator',
  has: new Set([
    'simulated nodes',
    'slow images',
    'image volumes',
    ...(kubectl === undefined ? [] : (['kubectl'] as const)),
  ]),
  atOnce: 12,
  nodes: Infinity,
  isStartedAtOnce: true,
  hasOneProduct: true,
};

const crds = [join(import.meta.dirname, '../../crds/imagecache.yaml')];

/** Faster than a real cluster, to keep every test run short. */
const timings = { nodeReady: 200, pull: [100, 400], settle: 500, jobSync: 500 } as const;

type StartedSimulator = ClusterUnderTest & { readonly stop: () => Promise<void> };

/** The simulator in this process, reached over HTTP only; needs no program but Node. */
export async function simulatorCluster(): Promise<StartedSimulator> {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-behaviour-'));
  const cluster = await startSimulator({ nodes: 0, crds, timings, program: simulateRemoval });
  const kubeconfig = join(folder, 'kubeconfig');
  await cluster.kubeconfig(kubeconfig);
  return {
    kubeconfig,
    master: '',
    env: {},
    kubectl: (...args) => runKubectl(kubeconfig, args),
    image: async (kind, name) => Promise.resolve(simulatedImage(kind, name)),
    lendNode: addSimulatedNode,
    returnNode: (kube, name) => kube.remove('Node', name),
    imagesOn: undefined,
    stop: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true });
    },
  };
}

function runKubectl(kubeconfig: string, args: readonly string[]): Promise<Result> {
  if (kubectl === undefined) throw new Error('there is no kubectl here');
  return run(kubectl, args, { env: { ...process.env, KUBECONFIG: kubeconfig, KUBECTL_KUBERC: 'false' } });
}
