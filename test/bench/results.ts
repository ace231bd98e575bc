import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import * as z from 'zod/mini';

/** API writes of all parties, as cluster/api-writes.ts counts them. */
const writes = z.object({ total: z.number(), by: z.record(z.string(), z.number()) });

/** Seconds of processor by program of the control plane. */
const processor = z.record(z.string(), z.number());

const round = z.object({
  nodes: z.number(),
  images: z.number(),
  /** The status that it ended with. */
  ended: z.string(),
  jobs: z.number(),
  /** From the creation of the ImageCache to the last Job made, and to the status that says it is done with. */
  secondsToJobs: z.number(),
  secondsToDone: z.number(),
  writes,
  /** Of our one process, or of the baseline's. */
  peakMegabytes: z.number(),
  cpuSeconds: z.number(),
  megabytesRead: z.number(),
  clusterCpuSeconds: processor,
});
export type Round = z.infer<typeof round>;

/** Milliseconds of many trials. */
const spread = z.object({
  count: z.number(),
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  max: z.number(),
});
export type Spread = z.infer<typeof spread>;

const failing = z.object({ round, listedFailures: z.number(), omittedFailures: z.number(), objectBytes: z.number() });

const newNode = z.object({
  /** How many nodes there were before. */
  nodes: z.number(),
  images: z.number(),
  series: z.array(z.object({ name: z.string(), latency: spread, sorted: z.array(z.number()) })),
});

const refreshed = z.object({
  name: z.string(),
  nodes: z.number(),
  images: z.number(),
  seconds: z.number(),
  jobs: z.number(),
  writes,
  registryRequests: z.number(),
});
export type Refreshed = z.infer<typeof refreshed>;

const sourceLag = z.object({
  name: z.string(),
  nodes: z.number(),
  jobs: z.number(),
  caches: z.number(),
  writesPerSecond: z.number(),
  writes: z.number(),
  /** Writes of which no event told within the time allowed after the last. */
  unreported: z.number(),
  events: z.number(),
  lag: spread,
  sorted: z.array(z.number()),
  /** From the start of the process until it has told what there is. */
  secondsToSync: z.number(),
  cpuSeconds: z.number(),
  /** How long the churn lasted. */
  seconds: z.number(),
  peakMegabytes: z.number(),
});
export type SourceLag = z.infer<typeof sourceLag>;

const largeImages = z.object({
  name: z.string(),
  serializeImagePulls: z.boolean(),
  nodes: z.number(),
  images: z.number(),
  megabytes: z.number(),
  /** Of every node's network, as tc takes it; '' where nothing holds it back. */
  rate: z.string(),
  jobs: z.number(),
  /** Until every image is on every node, by the runtime's word, and until the status says so. */
  secondsToPulled: z.number(),
  secondsToDone: z.number(),
  writes,
  /** How much of the machine's processors was busy, and waited for its disk, over that time. */
  busyPercent: z.number(),
  diskWaitPercent: z.number(),
});
export type LargeImages = z.infer<typeof largeImages>;

/** What each bench finds, by its name. */
const found = {
  rounds: z.object({ measured: z.array(round), check: z.array(round) }),
  baseline: z.array(round),
  failing,
  'new-node': newNode,
  refresh: z.array(refreshed),
  'source-lag': z.array(sourceLag),
  'cold-start': z.object({ text: z.string() }),
  'large-images': z.array(largeImages),
};
export type BenchName = keyof typeof found;
export type Found = { readonly [Name in BenchName]: z.infer<(typeof found)[Name]> };
export const benchNames = Object.keys(found) as BenchName[];

const machine = z.object({
  processor: z.string(),
  cores: z.number(),
  gigabytes: z.number(),
  kernel: z.string(),
  node: z.string(),
  kubernetes: z.string(),
  version: z.string(),
  commit: z.string(),
});
export type Machine = z.infer<typeof machine>;

/** One bench as it went: when, where, how busy the machine was before it, and what it found. */
const entry = <T extends z.core.$ZodType>(of: T) =>
  z.object({ date: z.string(), machine, loadBefore: z.number(), seconds: z.number(), found: of });

const schema = z.object({
  rounds: z.optional(entry(found.rounds)),
  baseline: z.optional(entry(found.baseline)),
  failing: z.optional(entry(found.failing)),
  'new-node': z.optional(entry(found['new-node'])),
  refresh: z.optional(entry(found.refresh)),
  'source-lag': z.optional(entry(found['source-lag'])),
  'cold-start': z.optional(entry(found['cold-start'])),
  'large-images': z.optional(entry(found['large-images'])),
});
/** All that was measured last, bench by bench: each may be of another day. */
export type Results = z.infer<typeof schema>;

export const resultsFolder = join(import.meta.dirname, '../../docs/benchmarks');
const file = join(resultsFolder, 'results.json');

/** The results so far; none where there is no file yet. Throws where it holds something else. */
export async function readResults(): Promise<Results> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  return schema.parse(JSON.parse(text));
}

export async function writeResults(results: Results): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await format(JSON.stringify(results), { ...(await resolveConfig(file)), filepath: file }));
}
