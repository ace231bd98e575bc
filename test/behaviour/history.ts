import type { Api } from '#runtime/api/api.ts';
import { collection, type Kind } from './kind.ts';
import {
  imagesIn,
  isRemoval,
  nodeOf,
  parseCache,
  parseJob,
  parsePod,
  type ObservedCache,
  type ObservedJob,
  type ObservedPod,
} from './observed.ts';
import { recordWatch, type Change } from './watch.ts';

/** All changes of caches, Jobs and Pods of one namespace, in the order in which the API server sent them. Times are epoch milliseconds. */
export type History = {
  readonly cacheChanges: (name: string) => readonly Change<ObservedCache>[];
  readonly jobChanges: () => readonly Change<ObservedJob>[];
  readonly podChanges: () => readonly Change<ObservedPod>[];
  /** The current cache; undefined if there is none. */
  readonly cache: (name: string) => ObservedCache | undefined;
  /** Every pull Job that was ever created, in its last state, in order of creation. */
  readonly jobs: () => readonly ObservedJob[];
  readonly jobsOf: (node: string) => readonly ObservedJob[];
  readonly jobsThere: () => readonly ObservedJob[];
  /** Every removal Job that was ever created. */
  readonly removals: () => readonly ObservedJob[];
  readonly podsThere: () => readonly ObservedPod[];
  /** Images that Pods on a node pulled, sorted, each once. */
  readonly imagesPulled: (node: string) => readonly string[];
  /** The maximum number of Jobs that were pulling at the same time. */
  readonly maxPullingJobs: () => number;
  /** The number of changes of caches and Jobs. */
  readonly changes: () => number;
  readonly stop: () => Promise<void>;
};

/** Watches a namespace, and the removal Jobs of its caches in their namespace. */
export async function watchHistory(api: Api, namespace: string, removalsIn = namespace): Promise<History> {
  const record = <T>(kind: Kind, parse: (object: unknown) => T, where = namespace) =>
    recordWatch(api, collection(kind, where), parse);
  const [caches, jobs, pods, removals] = await Promise.all([
    record('ImageCache', parseCache),
    record('Job', parseJob),
    record('Pod', parsePod),
    record('Job', parseJob, removalsIn),
  ]);
  const removes = (job: ObservedJob): boolean => isRemoval(job) && cacheOf(job).startsWith(`${namespace}/`);
  const cacheChanges = (name: string) => caches.changes().filter(({ object }) => object.metadata.name === name);
  const pulls = () => jobs.changes().filter(({ object }) => !isRemoval(object));
  const pullPods = () => pods.changes().filter(({ object }) => !isRemoval(object));
  const all = () => [...latest(pulls()).values()].map(({ object }) => object);
  return {
    cacheChanges,
    jobChanges: pulls,
    podChanges: pullPods,
    cache: (name) => there(cacheChanges(name))[0],
    jobs: all,
    jobsOf: (node) => all().filter((job) => nodeOf(job) === node),
    jobsThere: () => there(pulls()),
    removals: () => [...latest(removals.changes()).values()].map(({ object }) => object).filter(removes),
    podsThere: () => there(pullPods()),
    imagesPulled: (node) => imagesPulled(pullPods(), node),
    maxPullingJobs: () => maxPulling(pulls(), pullPods()),
    changes: () => caches.changes().length + jobs.changes().length,
    stop: async () => {
      await Promise.all([caches.stop(), jobs.stop(), pods.stop(), removals.stop()]);
    },
  };
}

const cacheOf = ({ metadata }: ObservedJob): string => metadata.annotations['kubefledged.io/cache'] ?? '';

type Named = { readonly metadata: { readonly uid: string } };

/** The last change of every object. */
function latest<T extends Named>(changes: readonly Change<T>[]): ReadonlyMap<string, Change<T>> {
  return new Map(changes.map((change) => [change.object.metadata.uid, change]));
}

function there<T extends Named>(changes: readonly Change<T>[]): readonly T[] {
  return [...latest(changes).values()].filter(({ type }) => type !== 'DELETED').map(({ object }) => object);
}

function imagesPulled(changes: readonly Change<ObservedPod>[], node: string): readonly string[] {
  const got = changes
    .filter(({ object }) => object.spec.nodeName === node)
    .flatMap(({ object }) => object.status.containerStatuses.flatMap((status) => imageGot(object, status)));
  return [...new Set(got)].toSorted();
}

type Status = ObservedPod['status']['containerStatuses'][number];

/** The image of a started container. Volumes and containers have the same order. */
function imageGot({ spec }: ObservedPod, { name, state }: Status): readonly string[] {
  if (!hasStarted(state)) return [];
  const position = spec.containers.findIndex((container) => container.name === name);
  const only = spec.containers.slice(position, position + 1);
  const volumes = spec.volumes.filter(({ image }) => image !== undefined).slice(position, position + 1);
  return imagesIn({ ...spec, containers: only, volumes });
}

/** A Job pulls from its creation until its Pod has a result for every image, or it is deleted. */
function maxPulling(jobs: readonly Change<ObservedJob>[], pods: readonly Change<ObservedPod>[]): number {
  const begins = jobs.flatMap(({ type, object, at }) =>
    type === 'ADDED' ? [{ name: object.metadata.name, at, by: 1 }] : [],
  );
  const ends = begins.map(({ name }) => ({ name, at: endOf(name, jobs, pods), by: -1 }));
  let pulling = 0;
  const counts = [...begins, ...ends].toSorted((a, b) => a.at - b.at).map(({ by }) => (pulling += by));
  return Math.max(0, ...counts);
}

function endOf(job: string, jobs: readonly Change<ObservedJob>[], pods: readonly Change<ObservedPod>[]): number {
  const gone = jobs.find(({ type, object }) => object.metadata.name === job && type === 'DELETED');
  const reported = pods.find(
    ({ object }) => object.metadata.labels['batch.kubernetes.io/job-name'] === job && hasAllTold(object),
  );
  return Math.min(gone?.at ?? Infinity, reported?.at ?? Infinity);
}

const hasAllTold = ({ spec, status }: ObservedPod): boolean =>
  status.containerStatuses.filter(({ state }) => hasStarted(state) || state.waiting?.reason === 'ErrImagePull')
    .length === spec.containers.length;

/** A container that runs or has run has its image. */
export const hasStarted = ({ running, terminated }: Status['state']): boolean =>
  running !== undefined || terminated !== undefined;
