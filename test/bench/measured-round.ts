import { writesBetween } from '../cluster/api-writes.ts';
import { counted } from '../behaviour/measured.ts';
import type { BenchLab } from './bench-lab.ts';
import { finalStatus } from './cache-status.ts';
import { countJobs, hasNoJobs, type JobCounter } from './job-counter.ts';
import { cpuSeconds, daemonSeconds, secondsBetween } from './processor.ts';
import type { Round } from './results.ts';
import { until } from './until.ts';

/** A running program to measure, and the size of its round. */
export type RoundOrder = {
  readonly nodes: number;
  readonly images: readonly string[];
  readonly pid: number;
  /** Seconds until the round has to end. */
  readonly timeoutSeconds: number;
};

const name = 'round';

/** Measures the round of one new cache on all nodes, until all its Jobs are deleted. */
export async function measuredRound(bench: BenchLab, order: RoundOrder): Promise<Round> {
  const jobs = await countJobs(bench.api);
  try {
    return await roundWith(jobs, bench, order);
  } finally {
    await jobs.stop();
  }
}

async function roundWith(
  jobs: JobCounter,
  bench: BenchLab,
  { nodes, images, pid, timeoutSeconds }: RoundOrder,
): Promise<Round> {
  const { api, kube } = bench;
  const writesBefore = await bench.settledWrites();
  const before = await used(bench, pid);
  const start = Date.now();
  await kube.create('ImageCache', name, { spec: { cacheSpec: [{ images }] } });
  const ended = await until(`${nodes} × ${images.length} has ended`, { seconds: timeoutSeconds }, () =>
    finalStatus(api, name),
  );
  const secondsToDone = (Date.now() - start) / 1000;
  await until('no Job is left', { seconds: timeoutSeconds }, async () => ((await hasNoJobs(api)) ? true : undefined));
  const after = await used(bench, pid);
  const writes = writesBetween(writesBefore, await bench.settledWrites());
  return {
    ...{ nodes, images: images.length, ended, jobs: jobs.created(), writes, secondsToDone },
    secondsToJobs: (jobs.lastAt() - start) / 1000,
    peakMegabytes: after.process.peakMegabytes,
    cpuSeconds: after.cpu - before.cpu,
    megabytesRead: (after.process.bytesRead - before.process.bytesRead) / 1e6,
    clusterCpuSeconds: secondsBetween(before.daemons, after.daemons),
  };
}

async function used({ lab }: BenchLab, pid: number) {
  const [process, cpu, daemons] = await Promise.all([counted(pid), cpuSeconds(pid), daemonSeconds(lab.place.folder)]);
  return { process, cpu, daemons };
}
