import { type Result, run } from '../cluster/run.ts';

/** Runs kubectl with these arguments and this standard input. */
export type Kubectl = (args: readonly string[], input?: string) => Promise<Result>;

export const kubectlWith =
  (kubeconfig: string): Kubectl =>
  (args, input = '') =>
    run('kubectl', ['--kubeconfig', kubeconfig, ...args], { input });
