import { once } from 'node:events';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import type { Command, Report } from './metered-registry.ts';

/** By its address, so that functions in the lab's network find it as nodes do. */
export const meteredRegistry = '172.30.0.1:5012';

export type Meter = { readonly ask: (command: Command) => Promise<Report>; readonly stop: () => void };

/** Starts a registry that meters, and shows nodes the way to it. */
export async function startMeter(lab: Lab): Promise<Meter> {
  const program = join(import.meta.dirname, 'metered-registry.ts');
  const child = lab.enter(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  const folder = `/etc/containerd/certs.d/${meteredRegistry}`;
  const server = `server = "http://${meteredRegistry}"`;
  for (const node of [1, 2])
    await lab.node(node, 'bash', '-c', `mkdir -p '${folder}' && echo '${server}' > '${folder}/hosts.toml'`);
  return {
    ask: async (command) => {
      child.send(command);
      const [report] = (await once(child, 'message')) as [Report];
      return report;
    },
    stop: () => {
      child.kill();
    },
  };
}
