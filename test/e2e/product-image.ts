import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';

const main = join(import.meta.dirname, '../../deploy/tools/images/main.ts');

/** Builds an image of the product and pushes it to the lab's registry, like `npm run images`; returns the reference by which nodes pull it. */
export async function productImage(lab: Lab, name: 'functions' | 'noop'): Promise<string> {
  const push = lab.enter('node', [main, '172.30.0.1:5000', '--only', name], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (push.stdout === null) throw new Error('node was started without a pipe');
  const [reference = ''] = (await text(push.stdout)).trim().split('@');
  return reference.replace('172.30.0.1', 'registry.local');
}
