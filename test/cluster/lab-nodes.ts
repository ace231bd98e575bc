import { setTimeout as sleep } from 'node:timers/promises';
import type { LabKubectl } from './lab-kubectl.ts';
import type { LabScript } from './lab-script.ts';

/** A test image: one layer with a program that is its entrypoint, and noise that makes it as large as asked and unlike any other. */
export type TestImage = {
  /** name:tag */
  readonly name: string;
  /** hello says so and ends, or stays as long as its argument says (30s); pause stays; scratch has nothing to run. Default hello. */
  readonly program?: 'hello' | 'pause' | 'scratch';
  /** How much noise. Default 0. */
  readonly bytes?: number;
  /** Into the registry that wants user u and password p. */
  readonly isPrivate?: boolean;
};

export type LabNodes = {
  /** Ends a real node at once, as if its power went. */
  readonly killNode: (node: number) => Promise<void>;
  /** Brings a killed node back with its disk, and waits until it is Ready. */
  readonly startNode: (node: number) => Promise<void>;
  /** Runs a command inside a real node and answers with its standard output. */
  readonly node: (node: number, ...command: readonly string[]) => Promise<string>;
  /** References of all images that a real node's containerd has: by tag and by digest, the bare ids left out. */
  readonly images: (node: number) => Promise<readonly string[]>;
  /** Makes a test image, pushes it to a registry of the lab, and answers with the reference by which nodes pull it. */
  readonly pushImage: (image: TestImage) => Promise<string>;
};

const readyCondition = '{range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{end}';

const isReadySince = (condition: string, since: number): boolean => {
  const [status, heartbeat = ''] = condition.split(' ');
  return status === 'True' && Date.parse(heartbeat) >= since;
};

/** Until its kubelet has spoken again: right after a power cut the API server still believes the node Ready. */
const untilReadyAgain = async ({ ask }: LabKubectl, name: string, since: number): Promise<void> => {
  const deadline = Date.now() + 120_000;
  while (
    !isReadySince(await ask('get', 'node', name, '--ignore-not-found', '-o', `jsonpath=${readyCondition}`), since)
  ) {
    if (Date.now() > deadline) throw new Error(`${name} is not Ready 120 s after its start`);
    await sleep(200);
  }
};

/** A lab's real nodes and what they pull. */
export const labNodes = (lab: LabScript, kubectl: LabKubectl): LabNodes => ({
  killNode: async (node) => {
    await lab(['kill', String(node)]);
  },
  startNode: async (node) => {
    const since = Math.floor(Date.now() / 1000) * 1000; // heartbeats are told in whole seconds
    await lab(['start', String(node)]);
    await untilReadyAgain(kubectl, `node${node}`, since);
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
