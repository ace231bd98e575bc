import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino, type Logger } from 'pino';
import { stringify } from 'yaml';
import { type Program, startSimulator } from '@imagecache-functions/simulator';
import { simulateRemoval } from '../../deploy/standalone/simulate-removal.ts';
import { virtualNetwork, type Network } from './network.ts';
import { postTo, tickHeaders } from './post-event.ts';
import { addressOf, type Profile } from './processes.ts';
import { seededRandom } from './seeded-random.ts';
import { virtualBuiltins } from './virtual-builtins.ts';
import { virtualTime, type Owner, type VirtualTime } from './virtual-time.ts';

/** A process whose time, randomness and network are virtual, and a simulator in it. */
export type VirtualCluster = {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly kubeconfig: string;
  /** Starts the simulator; its containers run this program, by default the simulated removal. */
  readonly start: (program?: Program) => Promise<void>;
  /** Logs a line with the virtual time. */
  readonly log: (line: string) => void;
};

export const apiPort = 6_443;
const crds = [
  join(import.meta.dirname, '../../crds/imagecache.yaml'),
  join(import.meta.dirname, '../support/rollout-crd.yaml'),
];
const start = Date.UTC(2026, 10, 24);

/** Seconds of virtual time since a cluster began. */
export const secondsSince = ({ now }: VirtualTime): number => (now() - start) / 1000;

/** Runs work on a virtual cluster, then restores the process. */
export async function onVirtualCluster<T>(
  seed: number,
  log: ((line: string) => void) | undefined,
  work: (cluster: VirtualCluster) => Promise<T>,
): Promise<T> {
  const time = virtualTime(start);
  const network = virtualNetwork(time, seededRandom(seed, 'latency'));
  const restore = virtualBuiltins(time, seededRandom(seed, 'product'));
  const folder = mkdtempSync(join(tmpdir(), 'imagecache-chaos-'));
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, kubeconfigOf(`http://localhost:${apiPort}`));
    const timed = (line: string): void => log?.(`${secondsSince(time).toFixed(3).padStart(8)} ${line}`);
    const startIt = (program = simulateRemoval): Promise<void> => startCluster({ time, log: timed, program });
    return await work({ time, network, kubeconfig, start: startIt, log: timed });
  } finally {
    restore();
    network.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Place = Pick<VirtualCluster, 'time' | 'log'> & { readonly program: Program };

async function startCluster({ time, log, program }: Place): Promise<void> {
  const owner: Owner = { name: 'cluster', isDead: false };
  const clock = { now: time.now, after: (ms: number, run: () => void) => time.after(ms, run, owner) };
  const failed = (what: string, error: unknown): void => log(`cluster: ${what}: ${String(error)}`);
  await time.as(owner, () => startSimulator({ port: apiPort, nodes: 0, crds, program, clock, failed }));
}

/** Sends one tick like a scheduler, which respects Retry-After a few times. */
export async function tickTo(profile: Profile, log: (line: string) => void): Promise<void> {
  for (const name of ['refresh', 'purge'] as const)
    for (let tries = 1; tries <= 4; tries += 1) {
      const status = await postTo(addressOf(profile, name), tickHeaders, '');
      log(`tick to ${name}: ${status}`);
      if (status === 204) break;
      if (status === 405) throw new Error(`the product does not take ticks for ${name}`);
      await pause(1_000);
    }
}

/** Silent without a listener, as formatting log lines takes a tenth of the time. */
export const logs =
  (listener: ((line: string) => void) | undefined, level = 'debug') =>
  (name: string): Logger =>
    listener === undefined
      ? pino({ level: 'silent' })
      : pino({ level, base: {}, timestamp: false }, { write: (line) => listener(`  ${name}: ${line.trim()}`) });

const kubeconfigOf = (server: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
    'current-context': 'c',
  });
