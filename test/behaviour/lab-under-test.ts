import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../cluster/lab.ts';
import { sharedLab } from '../cluster/shared-lab.ts';
import { eventually } from './eventually.ts';

const crd = join(import.meta.dirname, '../../crds/imagecache.yaml');

/** Installs the CRD, and resolves when its kind is served. */
export async function installCrd(lab: Lab): Promise<void> {
  await lab.apply(await readFile(crd, 'utf8'));
  await established(lab);
}

/** Resolves when the CRDs with this selector are established; by default ours. Unlike `kubectl wait` it takes one that has no conditions yet. */
export async function established(
  lab: Lab,
  ...selector: readonly [flag: '-l' | '--field-selector', value: string] | readonly []
): Promise<void> {
  const which = selector.length > 0 ? selector : ['--field-selector', 'metadata.name=imagecaches.kubefledged.io'];
  const each = '{.metadata.name}={.status.conditions[?(@.type=="Established")].status}';
  const path = `jsonpath={range .items[*]}${each} {end}`;
  const areEstablished = async (): Promise<boolean> =>
    /^(\S+=True ?)+$/.test(await lab.ask('get', 'crd', ...which, '-o', path));
  await eventually('the CRD is established', areEstablished, 30);
}

/** The shared lab with the CRD installed and this many simulated nodes; one is enough to start their simulator. */
export async function labUnderTest(nodes = 1): Promise<Lab> {
  const lab = await sharedLab();
  await installCrd(lab);
  await lab.simulate(nodes);
  return lab;
}
