import { once } from 'node:events';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import type { Command, Received } from './registry-front.ts';

/** Gives tokens to anyone, as Docker Hub, and to accounts alice (password a) and bob (b). */
export const publicRegistry = 'public.local:5010';
/** Demands the name and password of one of the accounts. */
export const privateRegistry = 'private.local:5011';

export type RegistryFront = {
  /** Switches both registries on. */
  readonly on: () => Promise<void>;
  /** Both registries refuse connections. */
  readonly off: () => Promise<void>;
  /** Requests for layers and configurations of a repository wait until `release`. */
  readonly hold: (repository: string) => Promise<void>;
  readonly release: () => Promise<void>;
  /** Requests since the last call. */
  readonly requests: () => Promise<readonly Received[]>;
  readonly stop: () => void;
};

/** Starts a public and a private registry that both have all images of the lab's open registry, and shows nodes the way to them. */
export async function startRegistryFront(lab: Lab): Promise<RegistryFront> {
  const program = join(import.meta.dirname, 'registry-front.ts');
  const child = lab.enter(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ask = async (order: Command): Promise<readonly Received[]> => {
    child.send(order);
    const [reply] = (await once(child, 'message')) as [readonly Received[]];
    return reply;
  };
  const tell = async (order: Command): Promise<void> => {
    await ask(order);
  };
  await tell({ command: 'on' });
  for (const node of [1, 2]) await addHosts(lab, node);
  return {
    on: () => tell({ command: 'on' }),
    off: () => tell({ command: 'off' }),
    hold: (repository) => tell({ command: 'hold', repository }),
    release: () => tell({ command: 'release' }),
    requests: () => ask({ command: 'requests' }),
    stop: () => {
      child.kill();
    },
  };
}

async function addHosts(lab: Lab, node: number): Promise<void> {
  for (const host of [publicRegistry, privateRegistry]) {
    const folder = `/etc/containerd/certs.d/${host}`;
    const server = `server = "http://172.30.0.1:${host.split(':')[1] ?? ''}"`;
    await lab.node(node, 'bash', '-c', `mkdir -p '${folder}' && echo '${server}' > '${folder}/hosts.toml'`);
  }
}
