import { join } from 'node:path';
import type { Lab } from '../../cluster/lab.ts';
import { runWell } from '../../cluster/run.ts';
import { commandsOn } from '../../docs/commands.ts';

const root = join(import.meta.dirname, '../../..');
const install = join(root, 'test/cluster/knative/install');

/** The commands in the documentation's section on kn, as one shell script. */
export const documentedCommands = (): string =>
  commandsOn('kn')
    .map(({ script }) => script)
    .join('\n');

/** Runs such a script like a user, with the kn, kubectl and images of the lab. */
export async function runCommands(lab: Lab, script: string): Promise<string> {
  const folder = join(lab.logs, '..');
  const programs = `set -euo pipefail
    kn() { '${install}' kn "$@"; }
    kubectl() { '${root}/test/cluster/lab' enter kubectl "$@"; }`;
  const env = { ...process.env, LAB: folder };
  return runWell('bash', ['-c', `cd '${root}'\n${programs}\n${script}`], { env, timeout: 600_000 });
}
