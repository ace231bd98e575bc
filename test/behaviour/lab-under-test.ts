import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import { sharedLab } from '../cluster/shared-lab.ts';

const crd = join(import.meta.dirname, '../../crds/imagecache.yaml');

/** Installs the CRD, and answers when its kind is served. */
export async function installCrd(lab: Lab): Promise<void> {
  await lab.apply(await readFile(crd, 'utf8'));
  await lab.ask('wait', '--for=condition=Established', 'crd/imagecaches.kubefledged.io', '--timeout=30s');
}

/** The shared lab with the CRD installed, and so many simulated nodes: one is enough to start their simulator. */
export async function labUnderTest(nodes = 1): Promise<Lab> {
  const lab = await sharedLab();
  await installCrd(lab);
  await lab.simulate(nodes);
  return lab;
}
