import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { run } from '../cluster/run.ts';
import type { Machine } from './results.ts';

const root = join(import.meta.dirname, '../..');

/** The machine and the versions that the numbers depend on. */
export async function thisMachine(): Promise<Machine> {
  const modules = await readFile(join(root, 'test/cluster/go.mod'), 'utf8');
  const { stdout: commit } = await run('git', ['-C', root, 'rev-parse', '--short', 'HEAD']);
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    gigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    kubernetes: /k8s\.io\/kubernetes (v\S+)/.exec(modules)?.[1] ?? 'unknown',
    version,
    commit: commit.trim(),
  };
}
