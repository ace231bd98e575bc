import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import * as z from 'zod/mini';

/** API writes of all clients, as cluster/api-writes.ts counts them. */
const writes = z.object({ total: z.number(), by: z.record(z.string(), z.number()) });

/** Seconds of processor by program of the control plane. */
const processor = z.record(z.string(), z.number());

const round = z.object({
  nodes: z.number(),
  images: z.number(),
  /** The status that it ended with. */
  ended: z.string(),
  jobs: z.number(),
  /** From the creation of the ImageCache to the last Job created, and to the final status. */
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

/** Percentiles of many trials, in milliseconds. */
const spread = z.object({ count: z.number(), p50: z.number(), p90: z.number(), p99: z.number(), max: z.number() });
export type Spread = z.infer<typeof spread>;

const failing = z.object({ round, listedFailures: z.number(), omittedFailures: z.number(), objectBytes: z.number() });

const newNode = z.object({
  /** Nodes that existed before. */
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
  /** Writes that no event reported in time. */
  unreported: z.number(),
  events: z.number(),
  lag: spread,
  sorted: z.array(z.number()),
  /** From the start of the process until it has reported all existing objects. */
  secondsToSync: z.number(),
  cpuSeconds: z.number(),
  /** Duration of the churn. */
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
  /** Limit of each node's network as a rate of tc; '' is no limit. */
  rate: z.string(),
  jobs: z.number(),
  /** Until the runtimes list every image, and until the status has succeeded. */
  secondsToPulled: z.number(),
  secondsToDone: z.number(),
  writes,
  /** Shares of the processors' time that were busy, and waited for a disk. */
  busyPercent: z.number(),
  diskWaitPercent: z.number(),
});
export type LargeImages = z.infer<typeof largeImages>;

const requestCount = z.object({ count: z.number(), megabytes: z.number() });
export type RequestCount = z.infer<typeof requestCount>;
/** Requests of our process by verb and resource. */
const requestTable = z.record(z.string(), requestCount);

const manyRound = z.object({
  caches: z.number(),
  nodes: z.number(),
  images: z.number(),
  /** Caches beside, whose rounds are over. */
  idle: z.number(),
  /** How many of the caches ended as Succeeded. */
  succeeded: z.number(),
  jobs: z.number(),
  /** From the application of the first cache. */
  secondsToFirstJob: z.number(),
  secondsToJobs: z.number(),
  secondsToDone: z.number(),
  /** Requests of our process to the API server. */
  reads: z.number(),
  writes: z.number(),
  megabytesRead: z.number(),
  requests: requestTable,
  /** Highest memory: resident, and the kernel's counter against the limit of the container (0 if it has none). */
  residentMegabytes: z.number(),
  chargedMegabytes: z.number(),
  /** `[seconds, resident, charged]`. */
  memory: z.array(z.array(z.number())),
  cpuSeconds: z.number(),
  /** Load average when it began. */
  load: z.number(),
});
export type ManyRound = z.infer<typeof manyRound>;

/** Where each function and the source is a process of its own: the most memory of each, in MB. */
const manySeparate = z.extend(manyRound, { processes: z.record(z.string(), z.number()) });
export type ManySeparate = z.infer<typeof manySeparate>;

const manyCaches = z.object({
  rounds: z.array(manyRound),
  separate: z.optional(manySeparate),
  /** One size by kube-fledged's rules, and the same by ours. */
  compared: z.object({ baseline: manyRound, ours: manyRound }),
  /** A refresh that finds nothing changed, of caches that fall due in one minute. */
  refresh: z.object({
    caches: z.number(),
    nodes: z.number(),
    images: z.number(),
    jobs: z.number(),
    reads: z.number(),
    writes: z.number(),
    requests: requestTable,
    cpuSeconds: z.number(),
    /** From the first write to the last. */
    seconds: z.number(),
  }),
  /** Nodes that join at once among caches that select them. */
  join: z.object({
    caches: z.number(),
    nodes: z.number(),
    joining: z.number(),
    images: z.number(),
    jobs: z.number(),
    reads: z.number(),
    writes: z.number(),
    requests: requestTable,
    /** From the creation of the nodes until a cache, and until all caches, have their images on all. */
    secondsToFirstServed: z.number(),
    secondsToAllServed: z.number(),
    /** Most pull Pods of a joined node at once. */
    podsAtOnce: z.number(),
    residentMegabytes: z.number(),
    chargedMegabytes: z.number(),
  }),
});
export type ManyCaches = z.infer<typeof manyCaches>;

const workloadPhase = z.object({
  name: z.string(),
  rounds: z.number(),
  jobs: z.number(),
  /** Requests of our process to the API server, and of these the pages of workloads. */
  reads: z.number(),
  writes: z.number(),
  workloadReads: z.number(),
  megabytesRead: z.number(),
  /** Until all caches are done. */
  seconds: z.number(),
  cpuSeconds: z.number(),
  residentMegabytes: z.number(),
  chargedMegabytes: z.number(),
});
export type WorkloadPhase = z.infer<typeof workloadPhase>;

const workloads = z.object({
  caches: z.number(),
  nodes: z.number(),
  workloads: z.number(),
  images: z.number(),
  changes: z.number(),
  /** Over which the changes come. */
  seconds: z.number(),
  phases: z.array(workloadPhase),
  load: z.number(),
});
export type WorkloadStorm = z.infer<typeof workloads>;

/** The results of each bench by name. */
const found = {
  rounds: z.object({ measured: z.array(round), check: z.array(round) }),
  baseline: z.array(round),
  failing,
  'new-node': newNode,
  refresh: z.array(refreshed),
  'source-lag': z.array(sourceLag),
  'cold-start': z.object({ text: z.string() }),
  'large-images': z.array(largeImages),
  'many-caches': manyCaches,
  workloads,
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

/** The results of one bench, with its date, machine, and load before. */
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
  'many-caches': z.optional(entry(found['many-caches'])),
  workloads: z.optional(entry(found.workloads)),
});
/** The latest results of each bench. */
export type Results = z.infer<typeof schema>;

export const resultsFolder = join(import.meta.dirname, '../../docs/review/benchmarks');
const file = join(resultsFolder, 'results.json');

/** The stored results, empty if there is no file. Throws if the file is invalid. */
export async function readResults(): Promise<Results> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  return schema.parse(JSON.parse(text));
}

export async function writeResults(results: Results): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await format(JSON.stringify(results), { ...(await resolveConfig(file)), filepath: file }));
}
