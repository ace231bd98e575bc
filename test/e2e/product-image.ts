import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import { productHash } from '../support/product-programs.ts';

const main = join(import.meta.dirname, '../../deploy/tools/images/main.ts');

type Name = 'functions' | 'noop';

/**
 * The reference by which nodes pull an image of the product, which is built and pushed to the lab's registry like `npm run images`, once
 * for a state of the sources.
 */
export async function productImage(lab: Lab, name: Name): Promise<string> {
  const pushed = join(lab.state, `pushed-${name}-${await productHash()}`);
  const known = await readFile(pushed, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  const reference = await push(lab, name);
  await writeFile(pushed, reference);
  return reference;
}

async function push(lab: Lab, name: Name): Promise<string> {
  const { stdout } = lab.enter('node', [main, '172.30.0.1:5000', '--only', name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (stdout === null) throw new Error('node was started without a pipe');
  const [reference = ''] = (await text(stdout)).trim().split('@');
  if (reference === '') throw new Error(`the image ${name} was not pushed`);
  return reference.replace('172.30.0.1', 'registry.local');
}
