import { labels, pullSelector } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { freePullSlots } from '#model/desired/node-limit.ts';
import { isNodeBusy, type LedgerEntry, waitsForRegistry } from '#model/cache/ledger.ts';
import type { Observed } from '#model/observed.ts';
import { jobName, jobsDue } from '#model/pull/job-set.ts';
import type { JobView } from '#model/job/job.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import type { Context } from '#runtime/handler.ts';
import { jobViews } from './job-views.ts';
import type { Changed } from './scope.ts';
import { shareOfCalls } from './share-of-calls.ts';
import { readChangedJobs } from './read-changed-jobs.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** Reads only what changed and what the decision needs: those Jobs with their Pods, their nodes, and the nodes to start next. */
export async function observeChanged(
  cache: ImageCache,
  changed: Changed,
  context: Context,
): Promise<Omit<Observed, 'removals'>> {
  const expected = expectedJobs(cache, context);
  const changedJobs = changedJobsOf(changed);
  const [read, onChangedNodes] = await Promise.all([
    readChangedJobs(
      [...changedJobs].map(([job, pod]) => ({ cache, job, pod, isExpected: expected.has(job) })),
      context,
    ),
    Promise.all(
      shareOfCalls(
        changed.nodes.map((name) => () => readNodeJobs(cache, ownEntry(cache.status.nodes, name), context)),
        context.signal,
      ),
    ),
  ]);
  const withChangedJobs = [...changedJobs.keys()].flatMap((job) => expected.get(job) ?? []);
  const names = nodesToRead(cache, { changedNodes: changed.nodes, withChangedJobs }, context);
  return {
    nodes: await context.cluster.nodesNamed([...names]),
    hasAllNodes: false,
    jobs: new Map([...read.views, ...onChangedNodes.flatMap((views) => [...views])]),
    hasAllJobs: false,
    goneJobs: read.gone,
    runAsUser: names.size === 0 ? 0 : await context.cluster.userOf(cache.namespace),
  };
}

/** Names of the Jobs that should exist, each with the name of its node. */
function expectedJobs(cache: ImageCache, { settings }: Context): ReadonlyMap<string, string> {
  const jobs = Object.entries(cache.status.nodes).flatMap(([node, entry]) => {
    if (entry.state !== 'Pulling') return [];
    const wanted = desiredImagesOf(cache, ownEntry(cache.status.desired, entry.desiredHash) ?? [], settings);
    return jobsDue({ cache, entry, desired: wanted, settings }).map(
      (indexes) => [jobName(cache, entry, indexes), node] as const,
    );
  });
  return new Map(jobs);
}

/** Names of changed Jobs, each with its changed Pod if there is one: a Pod has the name of its Job and a suffix of five characters. */
function changedJobsOf({ jobs, pods }: Changed): ReadonlyMap<string, string | undefined> {
  const byName = new Map<string, string | undefined>(jobs.map((job) => [job, undefined]));
  for (const pod of pods) byName.set(pod.replace(/-[a-z0-9]{5}$/, ''), pod);
  return byName;
}

const none: ReadonlyMap<string, JobView> = new Map<string, JobView>();

/** All Jobs of a cache on one node. */
async function readNodeJobs(
  cache: ImageCache,
  entry: LedgerEntry | undefined,
  context: Context,
): Promise<ReadonlyMap<string, JobView>> {
  if (entry?.state !== 'Pulling') return none;
  const selector = `${labels.cacheUid}=${cache.uid},${pullSelector},${labels.node}=${entry.id}`;
  const jobs = await context.cluster.jobs(cache.namespace, selector);
  return jobViews(jobs, await context.cluster.pods(cache.namespace, selector), context);
}

/** The changed nodes, the nodes of changed Jobs, and as many waiting nodes as can be started then. */
function nodesToRead(
  cache: ImageCache,
  {
    changedNodes,
    withChangedJobs,
  }: { readonly changedNodes: readonly string[]; readonly withChangedJobs: readonly string[] },
  { settings, now }: Context,
): ReadonlySet<string> {
  // A node on which other caches pull is named in an event once it can start.
  // One that waits for a registry starts when that opens.
  const isWaiting = Object.values(cache.status.registries).some(({ waitsUntil = 0 }) => waitsUntil > now());
  const waiting = Object.entries(cache.status.nodes).flatMap(([name, entry]) =>
    entry.state === 'Pending' && !isNodeBusy(entry) && !(isWaiting && waitsForRegistry(entry)) ? [name] : [],
  );
  const known = [...changedNodes, ...withChangedJobs];
  const next = waiting.slice(0, Math.min(freePullSlots(cache, settings) + withChangedJobs.length, room(known.length)));
  return new Set([...known, ...next]);
}

/** How many waiting nodes to read besides others: each costs a request, and another to create its Job. */
const room = (others: number): number => Math.max(64, 256 - others);
