import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiWritesIn, type ApiWrites } from './api-writes.ts';
import { labKubectl, type LabKubectl } from './lab-kubectl.ts';
import { takeLabLock } from './lab-lock.ts';
import { labNodes, type LabNodes } from './lab-nodes.ts';
import { labDown, labScript, labSettings, labSimulate, labUp, type LabPlace } from './lab-script.ts';

export type LabOptions = {
  /** The number of real nodes, node1 to nodeN, with containerd and kubelet; needs root. Default 0. */
  readonly nodes?: number;
  /** The number of simulated nodes, sim-1 to sim-N. Default 0. */
  readonly simulated?: number;
  /** 'oldest' is the oldest supported Kubernetes; by default the newest. Not with real nodes. */
  readonly controlPlane?: 'oldest';
};

export type Lab = LabKubectl &
  LabNodes & {
    /** Path of a kubeconfig of cluster-admin. */
    readonly kubeconfig: string;
    /** URL of the API server; with real nodes it is only reachable in the lab's network (`enter`). */
    readonly server: string;
    /** Folder with the logs of all its daemons. */
    readonly logs: string;
    /** Folder with its state, such as the content of its registries; deleted with the lab. */
    readonly state: string;
    /** Creates or deletes simulated nodes until this many are Ready; simulated-nodes.yaml defines their behaviour. */
    readonly simulate: (count: number) => Promise<void>;
    /** The writes of all clients to the API server since it started. */
    readonly apiWrites: () => Promise<ApiWrites>;
    /** Kills a daemon of the lab (kube-apiserver, kwok, ...); `repair` starts it again. */
    readonly killDaemon: (name: string) => Promise<void>;
    /** Starts the missing parts of the control plane and waits until it answers. */
    readonly repair: () => Promise<void>;
    /** Restarts the lab with empty state at the same address. */
    readonly renew: () => Promise<void>;
  };

export type StartedLab = Lab & {
  readonly place: LabPlace;
  /** Stops the lab and all processes in it; idempotent. */
  readonly stop: () => Promise<void>;
};

const buildTimeout = 2_400_000;
const lockTimeout = 3_600_000;

/** Starts the missing parts of a lab, including its simulated nodes. */
const raise = async (place: LabPlace): Promise<void> => {
  await labUp(place);
  if (place.simulated !== undefined) await labSimulate(place, place.simulated);
};

/** The operations on a running lab, for any process. */
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
    state: join(place.folder, 'run'),
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

/** Stops leftovers of an earlier run, in our folder or in that of a killed holder of the lock. */
const cleanUpAfter = async (folders: ReadonlySet<string>): Promise<void> => {
  for (const folder of folders) if (existsSync(join(folder, 'run'))) await labDown({ folder });
};

/**
 * Starts a lab and resolves when it is Ready. The first run builds Kubernetes (about 10 minutes). Waits while another lab is running.
 * State is in the folder named by LAB, or in a temporary folder. LAB_NAME tells two labs with real nodes apart.
 */
export const startLab = async (options: LabOptions = {}): Promise<StartedLab> => {
  const kind = (options.nodes ?? 0) > 0 ? 'nodes' : 'control-plane';
  const name = ['imagecache-functions-lab', kind, process.env['LAB_NAME']].filter(Boolean).join('-');
  const folder = process.env['LAB'] ?? join(tmpdir(), name);
  const place = { ...options, folder };
  await labScript(place)(['build'], { timeout: buildTimeout });
  const lock = await takeLabLock(join(tmpdir(), `${name}.lock`), folder, lockTimeout);
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
