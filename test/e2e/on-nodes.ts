import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import { productImage } from './product-image.ts';

const root = join(import.meta.dirname, '../..');

export type OnNodes = {
  /** Stops the product and returns its log. */
  readonly stop: () => Promise<string>;
  /** Kills the product. */
  readonly kill: () => Promise<void>;
};

/** Pushes the no-op image to the lab's registry unless the variables name one, and starts the product in the lab's network with these flags and variables. */
export async function startOnNodes(
  lab: Lab,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<OnNodes> {
  const noop = env['NOOP_IMAGE'] ?? (await productImage(lab, 'noop'));
  const child = lab.enter('node', ['deploy/standalone/start.mjs', '--kubeconfig', lab.kubeconfig, ...flags], {
    cwd: root,
    env: { NOOP_IMAGE: noop, PORT: '0', LEADER_ELECTION: 'false', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.stdout === null || child.stderr === null) throw new Error('node was started without pipes');
  const logged = Promise.all([text(child.stdout), text(child.stderr)]);
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      return (await logged).join('');
    },
  };
}
