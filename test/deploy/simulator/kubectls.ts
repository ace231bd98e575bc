import { execFile } from 'node:child_process';
import { accessSync, constants, globSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The kubectl of the PATH and that of the lab, as far as they are there; their versions need not be ours. */
export const kubectls = (): readonly string[] => {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'kubectl'));
  const first = onPath.find(isProgram);
  const ofLab = globSync(join(homedir(), '.cache/imagecache-functions/bin-*/kubectl')).find(isProgram);
  return [...new Set([first, ofLab].filter((path) => path !== undefined))];
};

type Ran = { readonly code: number; readonly out: string };
export type Kubectl = (command: string, input?: unknown) => Promise<Ran>;

/** Runs commands with it, words split at spaces; what it prints on either stream comes as one, warnings of version skew left out. */
export const kubectlAt =
  (program: string, kubeconfig: string, env: Readonly<Record<string, string>> = {}): Kubectl =>
  (command, input) =>
    new Promise((resolve) => {
      const options = {
        // It ends before collecting garbage is worth its time.
        env: { ...process.env, KUBECONFIG: kubeconfig, KUBECTL_KUBERC: 'false', GOGC: 'off', ...env },
        timeout: 15_000,
      };
      const child = execFile(program, command.split(' '), options, (error, stdout, stderr) => {
        const out = `${stdout}${stderr}`.replaceAll(/^WARNING: version difference.*\n/gm, '');
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, out });
      });
      child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
    });
