import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import { sharedLab } from '../cluster/shared-lab.ts';
import { eventually } from './eventually.ts';

const crd = join(import.meta.dirname, '../../crds/imagecache.yaml');

/** Installs the CRD, and resolves when its kind is served. */
export async function installCrd(lab: Lab): Promise<void> {
  await lab.apply(await readFile(crd, 'utf8'));
  // Not `kubectl wait`, which fails on a definition without conditions.
  const path = 'jsonpath={.status.conditions[?(@.type=="Established")].status}';
  const established = async () =>
    (await lab.ask('get', 'crd', 'imagecaches.kubefledged.io', '-o', path)).trim() === 'True';
  await eventually('the CRD is established', established, 30);
}

/** The shared lab with the CRD installed and this many simulated nodes; one is enough to start their simulator. */
export async function labUnderTest(nodes = 1): Promise<Lab> {
  const lab = await sharedLab();
  await installCrd(lab);
  await lab.simulate(nodes);
  return lab;
}
