import { isFinished, isRemoval, nodeOf, type ObservedJob } from '../../behaviour/observed.ts';
import type { Ending } from '../ending.ts';
import { isDeleting } from '../truth.ts';

/** Nothing is left of work that is over: no round, Job, Pod, trigger or finalizer; and nothing is written without a reason. */
export const rest = (ending: Ending): readonly string[] => [
  ...unfinished(ending),
  ...leftJobs(ending),
  ...ending.changedWhenIdle.map((object) => `${object} changes although nothing happens`),
  ...tooManyWrites(ending),
  ...ending.complaints.map((line) => `logged: ${line.slice(0, 400)}`),
];

function unfinished({ caches, isSettled }: Ending): readonly string[] {
  const triggers = ['kubefledged.io/purge-imagecache', 'kubefledged.io/refresh-imagecache'];
  return [
    ...(isSettled ? [] : ['it does not come to rest']),
    ...caches.flatMap((cache) => [
      ...(cache.status.status === 'Processing' ? [`${cache.metadata.name} is Processing`] : []),
      ...(isDeleting(cache) ? [`${cache.metadata.name} is not deleted`] : []),
      ...triggers
        .filter((key) => !cache.spec.suspend && key in cache.metadata.annotations)
        .map((key) => `${cache.metadata.name} still has the annotation ${key}`),
    ]),
  ];
}

function leftJobs({ jobs, pods, caches }: Ending): readonly string[] {
  const retaining = new Set(
    caches.filter(({ spec }) => spec.jobRetentionPolicy === 'Retain').map(({ metadata }) => metadata.uid),
  );
  const isRetained = ({ metadata }: ObservedJob): boolean =>
    retaining.has(metadata.labels['kubefledged.io/cache-uid'] ?? '');
  const isKept = (job: ObservedJob): boolean => (isRemoval(job) ? isFinished(job) : isRetained(job));
  const kept = jobs.filter(isKept);
  return [
    ...jobs.filter((job) => !isKept(job)).map((job) => `Job ${job.metadata.name} for ${nodeOf(job)} is left`),
    ...pods
      .filter(({ metadata }) => !kept.some((job) => metadata.name.startsWith(job.metadata.name)))
      .map(({ metadata, status }) => `Pod ${metadata.name} (${status.phase}) is left`),
  ];
}

/** Writes that a step may cost: for each node a status, its Jobs, and their retries. */
const writesPerNode = 25;

function tooManyWrites({ writes, record, nodes, caches }: Ending): readonly string[] {
  const most = (record.steps + 1) * (nodes.length + 1) * (caches.length + 1) * writesPerNode;
  return writes > most ? [`${writes} writes for ${record.steps} steps on ${nodes.length} nodes`] : [];
}
