import { labels, managerSelector, pullSelector } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parsePod } from '#model/job/parse-pod.ts';
import type { LivePull } from '#model/start/node-busy.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';

/** Which Pods take the slots of nodes, in all namespaces that this process may see. */
export type LivePulls = {
  /** The pull Pods on these nodes that have not ended, without those of the cache with this uid. */
  readonly read: (nodeIds: readonly string[], butOf: string) => Promise<LivePullList>;
  /** Notes Jobs that this process is about to create, so that decisions for other caches that are made meanwhile count them. */
  readonly reserve: (jobs: readonly PullJob[], now: number) => void;
  /** Forgets the Jobs of a cache that are no longer needed. */
  readonly release: (cache: ImageCache, needed: Needed) => void;
  /** The Jobs of this process whose Pods this listing may not have. */
  readonly reserved: (listing: Pick<LivePullList, 'begun'>, now: number) => readonly LivePull[];
};

type LivePullList = {
  readonly pulls: readonly LivePull[];
  /** The number of this listing, in the order in which they were begun. */
  readonly begun: number;
};

type Needed = {
  /** Ids of the nodes that are pulling. */
  readonly nodeIds: ReadonlySet<string>;
  /** Names of Jobs that are deleted although their node is pulling. */
  readonly ended: ReadonlySet<string>;
};

/** Milliseconds after which the Pod of a Job is listed, or the Job was not created. */
const reservation = 30_000;

const notEnded = 'status.phase!=Succeeded,status.phase!=Failed';

type Reservation = LivePull & {
  readonly until: number;
  /** The last listing that was begun before this Job's Pod was listed, or its result recorded: later ones have what there is. */
  readonly countedTo: number;
};

export function livePulls(api: Api, namespaces: Namespaces): LivePulls {
  const reservations = new Map<string, Reservation>();
  let listings = 0;
  const countOnlyInBegun = (key: string, reservation: Reservation): void => {
    if (reservation.countedTo === Infinity) reservations.set(key, { ...reservation, countedTo: listings });
  };
  return {
    read: async (nodeIds, butOf) => {
      listings += 1;
      const begun = listings;
      const listing = {
        bound: 'page_metadata',
        parse: parsePod,
        fieldSelector: notEnded,
        isMetadata: true,
        isCached: true,
      } as const;
      const selector = `${managerSelector},${pullSelector},${labels.cacheUid} notin (${butOf})${onNodes(nodeIds)}`;
      const pods = await listItems(api, pathsWithin(namespaces, paths.pods), { ...listing, selector });
      const pulls = pods.map(({ namespace, jobName, nodeId, cacheUid }) => ({
        ...{ namespace, job: jobName, nodeId, cacheUid },
      }));
      for (const pull of pulls) {
        const reservation = reservations.get(keyOf(pull));
        if (reservation !== undefined) countOnlyInBegun(keyOf(pull), reservation);
      }
      return { pulls, begun };
    },
    reserve: (jobs, now) => {
      for (const job of jobs) {
        const pull = pullOf(job);
        reservations.set(keyOf(pull), { ...pull, until: now + reservation, countedTo: Infinity });
      }
    },
    release: ({ uid }, { nodeIds, ended }) => {
      for (const [key, each] of reservations)
        if (each.cacheUid === uid && (ended.has(each.job) || !nodeIds.has(each.nodeId))) countOnlyInBegun(key, each);
    },
    reserved: ({ begun }, now) => {
      for (const [key, { until }] of reservations) if (until <= now) reservations.delete(key);
      return [...reservations.values()].filter(({ countedTo }) => begun <= countedTo);
    },
  };
}

/** Maximum number of nodes in one selector: each takes 13 characters of the URL. */
const maxNodes = 200;

const onNodes = (nodeIds: readonly string[]): string =>
  nodeIds.length > maxNodes ? '' : `,${labels.node} in (${nodeIds.join()})`;

const keyOf = ({ namespace, job }: LivePull): string => `${namespace}/${job}`;

const pullOf = ({ metadata }: PullJob): LivePull => ({
  namespace: metadata.namespace,
  job: metadata.name,
  nodeId: metadata.labels?.[labels.node] ?? '',
  cacheUid: metadata.labels?.[labels.cacheUid] ?? '',
});
