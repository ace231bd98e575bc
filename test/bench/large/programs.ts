import { once } from 'node:events';
import { join } from 'node:path';
import type { StartedLab } from '../../cluster/lab.ts';
import { nodeOptions } from '../../../deploy/images/functions-container.ts';

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
  const perImage = { name: 'a Job per image', args: [baseline, `--noop=${noop}`], env: {}, spec: {} };
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

/** Runs it while something is done. */
export async function withContender<T>(lab: StartedLab, { args, env }: Contender, use: () => Promise<T>): Promise<T> {
  const child = lab.enter('node', [...args, `--kubeconfig=${lab.kubeconfig}`], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    return await use();
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}
