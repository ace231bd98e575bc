import { setTimeout as sleep } from 'node:timers/promises';
import type { LabKubectl } from './lab-kubectl.ts';
import type { LabScript } from './lab-script.ts';

/** A test image: one layer with its entrypoint, and random data that gives it its size and makes it unique. */
export type TestImage = {
  /** name:tag */
  readonly name: string;
  /** hello prints a line and exits, after the duration of its argument (30s) if any; pause keeps running; scratch has no program; impostor has hello as `/.imagecache/noop`, where pull Pods have ours. Default hello. */
  readonly program?: 'hello' | 'pause' | 'scratch' | 'impostor';
  /** The amount of random data. Default 0. */
  readonly bytes?: number;
  /** Pushes to the registry that requires user u and password p. */
  readonly isPrivate?: boolean;
};

export type LabNodes = {
  /** Kills a real node, as by a power cut. */
  readonly killNode: (node: number) => Promise<void>;
  /** Restarts a killed node with its disk, and waits until it is Ready. */
  readonly startNode: (node: number) => Promise<void>;
  /** Runs a command in a real node and returns its standard output. */
  readonly node: (node: number, ...command: readonly string[]) => Promise<string>;
  /** References of all images in a real node's containerd: by tag and by digest, without bare ids. */
  readonly images: (node: number) => Promise<readonly string[]>;
  /** Builds a test image, pushes it to a registry of the lab, and returns the reference by which nodes pull it. */
  readonly pushImage: (image: TestImage) => Promise<string>;
};

const readyCondition = '{range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{end}';

const isReadySince = (condition: string, since: number): boolean => {
  const [status, heartbeat = ''] = condition.split(' ');
  return status === 'True' && Date.parse(heartbeat) >= since;
};

/** Waits for a new heartbeat of its kubelet, as the node is still Ready in the API right after a power cut. */
const untilReadyAgain = async (lab: LabScript, { ask }: LabKubectl, node: number, since: number): Promise<void> => {
  const name = `node${node}`;
  const deadline = Date.now() + 120_000;
  while (
    !isReadySince(await ask('get', 'node', name, '--ignore-not-found', '-o', `jsonpath=${readyCondition}`), since)
  ) {
    if (Date.now() > deadline) {
      await lab(['node', String(node), 'true']); // reports which of its daemons ended, if one has
      throw new Error(`${name} is not Ready 120 s after its start`);
    }
    await sleep(200);
  }
};

/** The operations on a lab's real nodes and their images. */
export const labNodes = (lab: LabScript, kubectl: LabKubectl): LabNodes => ({
  killNode: async (node) => {
    await lab(['kill', String(node)]);
  },
  startNode: async (node) => {
    const since = Math.floor(Date.now() / 1000) * 1000; // heartbeat times are in whole seconds
    await lab(['start', String(node)]);
    await untilReadyAgain(lab, kubectl, node, since);
  },
  node: (node, ...command) => lab(['node', String(node), ...command]),
  images: async (node) => {
    const names = await lab(['node', String(node), 'ctr', '-n', 'k8s.io', 'images', 'ls', '-q']);
    return names.split('\n').filter((name) => name !== '' && !name.startsWith('sha256:'));
  },
  pushImage: async ({ name, program = 'hello', bytes = 0, isPrivate = false }) => {
    const [host, port] = isPrivate ? ['private.local', 5001] : ['registry.local', 5000];
    await lab(['image', name, program, String(bytes), String(port)], { timeout: 60_000 + bytes / 1000 });
    return `${host}:${port}/${name}`;
  },
});
