import { Cron } from 'croner';
import type { ImageCache, RefreshSchedule } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { decide } from '#model/decide.ts';
import { retainsJobs } from '#model/job/job-times.ts';
import type { Plan } from '#model/plan.ts';
import { pullsByNode } from '#model/start/node-busy.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { Scheduled, World } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';

type Seen = Omit<World, 'settings' | 'scheduled' | 'now' | 'otherPulls' | 'otherRegistryUse'>;

/**
 * Decides within the number of pull Pods that may be on a node at once, and within what other caches leave of registries. The Pods of
 * other caches are read only for nodes that are likely to start, or whose Jobs are retained. A round that opens, or pulls that are
 * tried again, may start others: then the Pods there are read as well, and the decision is made again.
 */
export async function decideWithOthers(seen: Seen, context: Context): Promise<Plan> {
  const { settings, cluster, now } = context;
  const { before, makes } = seen;
  cluster.knownUses.note(before, before.status, { settings, now: now() });
  if (mayPull(seen)) await cluster.knownUses.read({ settings, now: now() });
  if (makes !== 'pulls') return decideNow(seen, new Map(), context);
  // A limit over all caches counts their Pods on all nodes; there are no more than it allows.
  if (settings.jobsMaxSurge > 0) return decideOnNodes('all', seen, context);
  if (settings.limits.podsPerNode === 0) return decideNow(seen, new Map(), context);
  const likely = [...likelyNodeIds(seen), ...(retainsJobs(before, settings) ? nodeIdsOfJobs(seen) : [])];
  const plan = await decideOnNodes(new Set(likely), seen, context);
  if (startsOnly(likely, before, plan)) return plan;
  return decideOnNodes(new Set([...likely, ...startableNodeIds(seen, plan)]), seen, context);
}

const mayPull = ({ before, makes }: Seen): boolean => makes === 'pulls' && before.spec.lists.length > 0;

/** Decides with the Pods of other caches on these nodes, and reserves the slots of the Jobs to create if they are on no others. */
async function decideOnNodes(nodeIds: ReadonlySet<string> | 'all', seen: Seen, context: Context): Promise<Plan> {
  const { now, cluster } = context;
  const { livePulls } = cluster;
  const { before } = seen;
  const isOfNone = nodeIds !== 'all' && nodeIds.size === 0;
  const listing = isOfNone ? undefined : await livePulls.read(nodeIds === 'all' ? 'all' : [...nodeIds], before.uid);
  // Nothing is awaited from here to the reservation, so that no other decision of this process comes between.
  const pulls = listing === undefined ? [] : [...listing.pulls, ...livePulls.reserved(listing, now())];
  const plan = decideNow(seen, pullsByNode(pulls, before.uid), context);
  if (nodeIds !== 'all' && !startsOnly(nodeIds, before, plan)) return plan;
  const ended = new Set(plan.deleteJobs.map(({ name }) => name));
  livePulls.release(before, pullingNodeIds(plan.status ?? before.status), ended);
  livePulls.reserve(plan.createJobs, now());
  return plan;
}

/** Reads what others have used and notes what this decision uses without an await between, so that no pull is granted twice. */
function decideNow(seen: Seen, otherPulls: World['otherPulls'], context: Context): Plan {
  const { cluster, settings, now } = context;
  const { before } = seen;
  const time = { settings, now: now() };
  const otherRegistryUse = mayPull(seen) ? cluster.knownUses.ofOthers(before, time) : new Map<string, never>();
  const plan = decide(worldOf({ ...seen, otherPulls, otherRegistryUse }, context));
  const isPlanned = seen.makes === 'pulls' && plan.status !== undefined;
  cluster.knownUses.note(before, isPlanned ? plan.status : before.status, time);
  return plan;
}

/** Ids of the observed nodes that are new to the cache or wait: unless a round opens or pulls are tried again, no others start. */
function likelyNodeIds({ before, observed }: Seen): readonly string[] {
  return [...observed.nodes].flatMap(([name, node]) => {
    const entry = ownEntry(before.status.nodes, name);
    const isLikely = entry === undefined || entry.id !== node?.id || entry.state === 'Pending';
    return node !== undefined && isLikely ? [node.id] : [];
  });
}

/** Whether a plan begins attempts on no other nodes than these. */
function startsOnly(nodeIds: Iterable<string>, { status }: ImageCache, plan: Plan): boolean {
  const known = new Set(nodeIds);
  return Object.entries(plan.status?.nodes ?? {}).every(
    ([name, entry]) =>
      entry.state !== 'Pulling' || isSameAttempt(ownEntry(status.nodes, name), entry) || known.has(entry.id),
  );
}

/** The attempt number starts again at one when the desired images of a node change. */
const isSameAttempt = (stored: LedgerEntry | undefined, { attempt, id, desiredHash }: LedgerEntry): boolean =>
  stored?.state === 'Pulling' && stored.attempt === attempt && stored.id === id && stored.desiredHash === desiredHash;

/** Ids of the observed nodes that the plan starts, or that may be started in their place. */
function startableNodeIds({ before, observed }: Seen, plan: Plan): readonly string[] {
  const entries = Object.entries((plan.status ?? before.status).nodes);
  return entries.flatMap(([name, { state, id }]) =>
    observed.nodes.has(name) && (state === 'Pulling' || state === 'Pending') ? [id] : [],
  );
}

const nodeIdsOfJobs = ({ observed }: Seen): readonly string[] =>
  [...observed.jobs.values()].flatMap(({ job, pod }) => (job ?? pod)?.nodeId ?? []);

const pullingNodeIds = ({ nodes }: ImageCache['status']): ReadonlySet<string> =>
  new Set(Object.values(nodes).flatMap(({ state, id }) => (state === 'Pulling' ? [id] : [])));

/** What a decision knows that asks neither registries nor for other caches. */
export const nothingAsked = {
  resolutions: new Map<string, never>(),
  anonymousPulls: new Map<string, never>(),
  otherPulls: new Map<string, never>(),
  otherRegistryUse: new Map<string, never>(),
};

/** Adds to the observed state what the process knows: its settings and the time. */
export function worldOf(seen: Omit<World, 'settings' | 'scheduled' | 'now'>, { settings, now: clock }: Context): World {
  const now = clock();
  const { refreshSchedule } = seen.before.spec;
  const scheduled = refreshSchedule === undefined ? undefined : scheduledAfter(refreshSchedule, now);
  return { ...seen, settings, scheduled, now };
}

/**
 * The next time of a cron schedule after `now`, in its time zone.
 * Not by node-cron, which runs the heartbeat: it counts from the system clock only, and requires day of month and day of week
 * both to match where a CronJob accepts either (decision 5).
 */
export function scheduledAfter({ schedule, timeZone }: RefreshSchedule, now: number): Scheduled {
  if (!isTimeZone(timeZone))
    return { next: undefined, problem: `spec.refresh.timeZone ${timeZone} is not a time zone` };
  try {
    const next = new Cron(schedule, { timezone: timeZone, paused: true, mode: '5-part' }).nextRun(new Date(now));
    const problem = `spec.refresh.schedule "${schedule}" has no time at which it is due`;
    return { next: next?.getTime(), problem: next === null ? problem : '' };
  } catch {
    const problem = `spec.refresh.schedule "${schedule}" is not valid; minute, hour, day of month, month and day of week are needed, as in a CronJob`;
    return { next: undefined, problem };
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
