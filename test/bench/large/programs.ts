import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { StartedLab } from '../../cluster/lab.ts';
import { nodeOptions } from '../../../deploy/tools/images/functions-container.ts';

/** A program that pulls the images of caches, run beside the API server. */
export type Candidate = {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Additions to the cache's spec. */
  readonly spec: object;
  readonly serializeImagePulls: boolean;
};

const baseline = join(import.meta.dirname, '../baseline/main.ts');

/** A Job per image and our product, with serial and parallel kubelet pulls. */
export function candidates(program: string, noop: string): readonly Candidate[] {
  const perImage = {
    name: 'a Job per image',
    args: [baseline, `--noop=${noop}`, '--deadline-seconds=2400'],
    env: {},
    spec: {},
  };
  const ours = {
    name: 'imagecache-functions',
    args: [program],
    env: { NOOP_IMAGE: noop, PORT: '0', LEADER_ELECTION: 'false', NODE_OPTIONS: nodeOptions },
    spec: {},
  };
  const [one, many] = [{ serializeImagePulls: true }, { serializeImagePulls: false }];
  return [
    { ...perImage, ...one },
    { ...ours, ...one },
    { ...perImage, ...many },
    { ...ours, ...many },
    { ...ours, ...many, name: 'imagecache-functions, pullsPerNode 5', spec: { pullsPerNode: 5 } },
  ];
}

/** Runs a candidate during `use`, which starts when the candidate is ready. */
export async function withCandidate<T>(lab: StartedLab, { args, env }: Candidate, use: () => Promise<T>): Promise<T> {
  const child = lab.enter('node', [...args, `--kubeconfig=${lab.kubeconfig}`], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    await ready(child);
    return await use();
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

/** Waits until it logs that it has synced or is watching. Throws if it ends before. */
async function ready({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new Error('the process has no pipe');
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let output = '';
  stdout.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-10_000); // later output is read too, or the pipe would fill
    if (/"msg":"synced"|^watching/m.test(output)) resolve(undefined);
  });
  stdout.once('end', () => reject(new Error(`the program ended: ${output}`)));
  await promise;
}
