import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../cluster/lab.ts';
import { runWell } from '../../cluster/run.ts';
import { imagesOfLab } from './install-knative.ts';

const root = join(import.meta.dirname, '../../..');
const install = join(root, 'test/cluster/knative/install');

/** The commands of the documentation's section on kn, as one script for a shell. */
export async function documentedCommands(): Promise<string> {
  const text = await readFile(join(root, 'docs/knative.md'), 'utf8');
  const section = text.split(/^### /m).find((each) => each.startsWith('By kn')) ?? '';
  const blocks = section.match(/(?<=^```console\n)[^]*?(?=^```$)/gm) ?? [];
  return blocks.join('').replace(/^(?:\$| ) /gm, '');
}

/** Runs such a script as a user would, with the lab's kn and kubectl, and the images that it has. */
export async function runCommands(lab: Lab, script: string): Promise<string> {
  const folder = join(lab.logs, '..');
  const programs = `set -euo pipefail
    kn() { '${install}' kn "$@"; }
    kubectl() { '${root}/test/cluster/lab' enter kubectl "$@"; }`;
  const env = { ...process.env, LAB: folder };
  return runWell('bash', ['-c', `cd '${root}'\n${programs}\n${imagesOfLab(script)}`], { env, timeout: 600_000 });
}
