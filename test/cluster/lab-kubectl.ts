import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import type { LabSettings } from './lab-script.ts';
import { run, runWell, type Result } from './run.ts';

export type LabKubectl = {
  readonly kubectl: (...args: readonly string[]) => Promise<Result>;
  /** kubectl with `input` on its standard input. */
  readonly kubectlWith: (input: string, ...args: readonly string[]) => Promise<Result>;
  /** Runs kubectl and returns its standard output; throws its standard error if it fails. */
  readonly ask: (...args: readonly string[]) => Promise<string>;
  /** kubectl apply --server-side of YAML text or one object (a List holds several). */
  readonly apply: (manifest: string | object) => Promise<void>;
  /** Starts a command in the lab's network with kubectl on its PATH, and KUBECONFIG set unless `options.env` overrides it. */
  readonly enter: (command: string, args: readonly string[], options?: SpawnOptions) => ChildProcess;
};

const timeout = 120_000;

/** kubectl and other commands in a lab's network. */
export const labKubectl = ({ network, env }: LabSettings): LabKubectl => {
  const inside = (command: string, args: readonly string[]): [string, readonly string[]] =>
    network === '' ? [command, args] : ['nsenter', [`--net=${network}`, command, ...args]];
  const kubectlWith = (input: string, ...args: readonly string[]) =>
    run(...inside('kubectl', args), { env, input, timeout });
  const apply = async (manifest: string | object) => {
    const input = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
    const args = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    await runWell(...inside('kubectl', args), { env, input, timeout });
  };
  return {
    kubectl: (...args) => kubectlWith('', ...args),
    kubectlWith,
    ask: (...args) => runWell(...inside('kubectl', args), { env, timeout }),
    apply,
    enter: (command, args, options = {}) =>
      spawn(...inside(command, args), { ...options, env: { ...env, ...options.env } }),
  };
};
