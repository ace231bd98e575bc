import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';

const root = join(import.meta.dirname, '../..');

export type OnNodes = {
  /** Ends the product and answers with all that it logged. */
  readonly stop: () => Promise<string>;
};

/** Pushes the no-op image to the lab's registry and starts the product beside the API server, with these flags. */
export async function startOnNodes(lab: Lab, flags: readonly string[]): Promise<OnNodes> {
  const noop = await pushNoop(lab);
  const child = lab.enter('node', ['deploy/standalone/start.mjs', '--kubeconfig', lab.kubeconfig, ...flags], {
    cwd: root,
    env: { NOOP_IMAGE: noop, PORT: '0', LEADER_ELECTION: 'false' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.stdout === null || child.stderr === null) throw new Error('node was started without pipes');
  const logged = Promise.all([text(child.stdout), text(child.stderr)]);
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      return (await logged).join('');
    },
  };
}

/** The reference by which nodes pull it. */
async function pushNoop(lab: Lab): Promise<string> {
  const push = lab.enter('node', [join(root, 'deploy/images/main.ts'), '172.30.0.1:5000', '--only', 'noop'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (push.stdout === null) throw new Error('node was started without a pipe');
  const [reference = ''] = (await text(push.stdout)).trim().split('\n');
  return reference.replace('172.30.0.1', 'registry.local');
}
