import { labels, managerSelector, pullSelector } from '#model/cache/api.ts';
import { parsePod } from '#model/job/parse-pod.ts';
import type { LivePull } from '#model/pull/live-pull.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';

export type LivePulls = {
  /** The pull Pods of a namespace that have not ended, without those of the cache with this uid. */
  readonly read: (namespace: string, butOf: string) => Promise<readonly LivePull[]>;
  /** Notes Jobs that this process is about to create, so that decisions for other caches that are made meanwhile count them. */
  readonly reserve: (namespace: string, jobs: readonly PullJob[], now: number) => void;
  readonly reserved: (namespace: string, now: number) => readonly LivePull[];
};

/** Milliseconds after which the Pod of a Job is listed, or the Job was not created. */
const reservation = 30_000;

const notEnded = 'status.phase!=Succeeded,status.phase!=Failed';

export function livePulls(api: Api): LivePulls {
  let reservations: readonly (LivePull & { readonly namespace: string; readonly until: number })[] = [];
  return {
    read: async (namespace, butOf) => {
      const selector = `${managerSelector},${pullSelector},${labels.cacheUid} notin (${butOf})`;
      const listing = {
        bound: 'page_metadata' as const,
        parse: parsePod,
        selector,
        fieldSelector: notEnded,
        isMetadata: true,
      };
      const pods = await listItems(api, paths.pods(namespace), listing);
      return pods.map(({ jobName, nodeId, cacheUid }) => ({ job: jobName, nodeId, cacheUid }));
    },
    reserve: (namespace, jobs, now) => {
      const more = jobs.map(({ metadata }) => ({
        job: metadata.name,
        nodeId: metadata.labels?.[labels.node] ?? '',
        cacheUid: metadata.labels?.[labels.cacheUid] ?? '',
        namespace,
        until: now + reservation,
      }));
      reservations = [...reservations.filter(({ until }) => until > now), ...more];
    },
    reserved: (namespace, now) => reservations.filter((each) => each.namespace === namespace && each.until > now),
  };
}
