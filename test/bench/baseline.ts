import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { withLab } from './bench-lab.ts';
import { measuredRound } from './measured-round.ts';
import type { Round } from './results.ts';
import { references, type Size } from './sizes.ts';

const program = join(import.meta.dirname, 'baseline/main.ts');

/** Rounds of a program that works by kube-fledged's rules, in its own process, measured like ours. */
export async function baseline(sizes: readonly Size[]): Promise<Round[]> {
  const measured: Round[] = [];
  for (const size of sizes) measured.push(await baselineRound(size));
  return measured;
}

function baselineRound({ nodes, images }: Size): Promise<Round> {
  return withLab(nodes, async (bench) => {
    const child = spawn(process.execPath, [program, `--kubeconfig=${bench.lab.kubeconfig}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    try {
      await once(child.stdout, 'data'); // it is watching
      return await measuredRound(bench, {
        nodes,
        images: references(images),
        pid: child.pid ?? 0,
        timeoutSeconds: 60 + nodes * images,
      });
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
}
