import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiWritesIn, type ApiWrites } from './api-writes.ts';
import { labKubectl, type LabKubectl } from './lab-kubectl.ts';
import { takeLabLock } from './lab-lock.ts';
import { labNodes, type LabNodes } from './lab-nodes.ts';
import { labDown, labScript, labSettings, labSimulate, labUp, type LabPlace } from './lab-script.ts';

export type LabOptions = {
  /** How many real nodes, node1 to nodeN: containerd and kubelet; needs root. Default 0. */
  readonly nodes?: number;
  /** How many simulated nodes, sim-1 to sim-N. Default 0. */
  readonly simulated?: number;
  /** 'oldest' is the oldest Kubernetes that is supported; without it the newest. Not with real nodes. */
  readonly controlPlane?: 'oldest';
};

export type Lab = LabKubectl &
  LabNodes & {
    /** Path of a kubeconfig of cluster-admin. */
    readonly kubeconfig: string;
    /** URL of the API server; with real nodes it is reached from inside the lab's network only (`enter`). */
    readonly server: string;
    /** Folder with the logs of all its daemons. */
    readonly logs: string;
    /** Makes it exactly so many simulated nodes, all Ready; simulated-nodes.yaml says how they behave. */
    readonly simulate: (count: number) => Promise<void>;
    /** What the API server has been asked to write since it started, by all parties. */
    readonly apiWrites: () => Promise<ApiWrites>;
    /** Ends a daemon of the lab (kube-apiserver, kwok, ...) at once; `repair` starts it again. */
    readonly killDaemon: (name: string) => Promise<void>;
    /** Starts what is not running of the control plane and waits until it answers. */
    readonly repair: () => Promise<void>;
    /** Everything anew and empty, at the same address. */
    readonly renew: () => Promise<void>;
  };

export type StartedLab = Lab & {
  readonly place: LabPlace;
  /** Ends the lab and all that runs in it. Once is enough, twice does no harm. */
  readonly stop: () => Promise<void>;
};

const buildTimeout = 2_400_000;
const lockTimeout = 3_600_000;

/** Starts what is missing of a lab, its simulated nodes too. */
const raise = async (place: LabPlace): Promise<void> => {
  await labUp(place);
  if (place.simulated !== undefined) await labSimulate(place, place.simulated);
};

/** A lab that is up, as any process can use it. */
export const labAt = async (place: LabPlace): Promise<Lab> => {
  const lab = labScript(place);
  const settings = await labSettings(place);
  const kubectl = labKubectl(settings);
  return {
    ...kubectl,
    ...labNodes(lab, kubectl),
    kubeconfig: settings.kubeconfig,
    server: settings.server,
    logs: join(place.folder, 'log'),
    simulate: (count) => labSimulate(place, count),
    apiWrites: async () => apiWritesIn(await kubectl.ask('get', '--raw', '/metrics')),
    killDaemon: async (name) => {
      await lab(['kill-daemon', name]);
    },
    repair: () => labUp(place),
    renew: async () => {
      await labDown(place);
      await raise(place);
    },
  };
};

/** Stops what an earlier run left: in our own folder, or in that of whoever was killed while holding the lock. */
const cleanUpAfter = async (folders: ReadonlySet<string>): Promise<void> => {
  for (const folder of folders) if (existsSync(join(folder, 'run'))) await labDown({ folder });
};

/**
 * Starts a lab and answers when it is Ready. Builds Kubernetes first where this machine has none yet (some 10 minutes), and waits while another lab is up.
 * State lives in the folder that LAB names, or in one of the system's for temporary files.
 */
export const startLab = async (options: LabOptions = {}): Promise<StartedLab> => {
  const kind = (options.nodes ?? 0) > 0 ? 'nodes' : 'control-plane';
  const folder = process.env['LAB'] ?? join(tmpdir(), `imagecache-functions-lab-${kind}`);
  const place = { ...options, folder };
  await labScript(place)(['build'], { timeout: buildTimeout });
  const lock = await takeLabLock(join(tmpdir(), `imagecache-functions-lab-${kind}.lock`), folder, lockTimeout);
  const stop = async () => {
    await labDown(place).finally(lock.release);
  };
  try {
    await cleanUpAfter(new Set([folder, lock.previous?.folder ?? folder]));
    await raise(place);
    return { ...(await labAt(place)), place, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
