import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import { sharedLab } from '../cluster/shared-lab.ts';

const crd = join(import.meta.dirname, '../../crds/imagecache.yaml');

/** The shared lab with the CRD installed, and the simulator of nodes running. */
export async function labUnderTest(nodes = 1): Promise<Lab> {
  const lab = await sharedLab();
  await lab.apply(await readFile(crd, 'utf8'));
  await lab.simulate(nodes);
  return lab;
}
