import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { StartedLab } from '../../cluster/lab.ts';
import { nodeOptions } from '../../../deploy/tools/images/functions-container.ts';

/** A program that takes care of caches; starts it beside the API server. */
export type Contender = {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it wants in the cache's spec. */
  readonly spec: object;
  readonly serializeImagePulls: boolean;
};

const baseline = join(import.meta.dirname, '../baseline/main.ts');

/** All that are measured: a Job per image and ours, with the kubelet pulling one image after another or at once. */
export function contenders(program: string, noop: string): readonly Contender[] {
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

/** Runs it while something is done, once it says that it is ready. */
export async function withContender<T>(lab: StartedLab, { args, env }: Contender, use: () => Promise<T>): Promise<T> {
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

/** Ours says that it has synced, the baseline that it watches. Throws where it ends before that. */
async function ready({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new Error('it was started without a pipe');
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let said = '';
  stdout.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-10_000); // and what comes later is read too, or the pipe would fill
    if (/"msg":"synced"|^watching/m.test(said)) resolve(undefined);
  });
  stdout.once('end', () => reject(new Error(`it has ended: ${said}`)));
  await promise;
}
