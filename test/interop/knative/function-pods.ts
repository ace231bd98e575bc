import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FunctionName } from '#model/cache/cloud-event.ts';
import { eventually } from '../../behaviour/eventually.ts';
import type { Lab } from '../../cluster/lab.ts';
import { deployedName } from '../deployed-name.ts';
import { namespace } from './install-knative.ts';

export type FunctionProcess = { readonly pid: number; readonly function: string; readonly pod: string };

/** The processes of functions on all nodes of the lab, recognized by their environment. */
export async function functionProcesses(): Promise<readonly FunctionProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => processIn(Number(pid))));
  return found.flatMap((each) => each ?? []);
}

async function processIn(pid: number): Promise<FunctionProcess | undefined> {
  const text = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  const of = (name: string): string => new RegExp(`(?:^|\\0)${name}=([^\\0]*)`).exec(text)?.[1] ?? '';
  const name = of('FUNCTION');
  // The queue proxy has another environment, and processes of tests have none of Knative's variables.
  if (name === '' || of('K_REVISION') === '') return undefined;
  return { pid, function: name, pod: of('HOSTNAME') };
}

/** Resolves when no Pod of these functions is left. */
export async function asleep(lab: Lab, names: readonly FunctionName[]): Promise<void> {
  const selector = `serving.knative.dev/service in (${names.map(deployedName).join(',')})`;
  const pods = (): Promise<string> => lab.ask('-n', namespace, 'get', 'pods', '-l', selector, '-o', 'name');
  await eventually(
    `${names.join(' and ')} are scaled to zero`,
    async () => (await pods()) === '' || sleep(1000, false),
    240,
  );
}
