import type { ImageCache, RefreshSchedule } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { decide } from '#model/decide.ts';
import { retainsJobs } from '#model/job/job-times.ts';
import type { Plan } from '#model/plan.ts';
import { pullsByNode } from '#model/start/node-busy.ts';
import type { World, Scheduled } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { Cron } from 'croner';

type Seen = Omit<World, 'settings' | 'scheduled' | 'now' | 'otherPulls' | 'otherRegistryUse'>;

/**
 * Decides within the number of pull Pods that may be on a node at once. The Pods of other caches are read only if nodes would
 * start without that limit, or Jobs are retained, and only those on these nodes.
 */
export async function decideWithOthers(seen: Seen, context: Context): Promise<Plan> {
  const { settings, cluster, now } = context;
  const { before } = seen;
  cluster.knownUses.note(before, before.status, { settings, now: now() });
  if (mayPull(seen)) await cluster.knownUses.read({ settings, now: now() });
  return planOnNodes(seen, context);
}

const mayPull = ({ before, makes }: Seen): boolean => makes === 'pulls' && before.spec.lists.length > 0;

/** Reads what others have used and notes what this decision uses without an await between, so that no pull is granted twice. */
function decideBeside(seen: Seen, otherPulls: World['otherPulls'], context: Context): Plan {
  const { cluster, settings, now } = context;
  const { before } = seen;
  const at = { settings, now: now() };
  const otherRegistryUse = mayPull(seen) ? cluster.knownUses.ofOthers(before, at) : new Map<string, never>();
  const plan = decide(worldOf({ ...seen, otherPulls, otherRegistryUse }, context));
  const isPlanned = seen.makes === 'pulls' && plan.status !== undefined;
  cluster.knownUses.note(before, isPlanned ? plan.status : before.status, at);
  return plan;
}

async function planOnNodes(seen: Seen, context: Context): Promise<Plan> {
  const { settings } = context;
  const { before, makes } = seen;
  if (makes !== 'pulls' || settings.limits.podsPerNode === 0) return decideBeside(seen, new Map(), context);
  const likely = [...likelyNodeIds(seen), ...(retainsJobs(before, settings) ? nodeIdsOfJobs(seen) : [])];
  const [plan, wasRead] = await planBeside(new Set(likely), seen, context);
  if (startedNodeIds(before, plan).every((id) => wasRead.has(id))) return plan;
  const [again] = await planBeside(new Set([...likely, ...startableNodeIds(seen, plan)]), seen, context);
  return again;
}

/** Decides with the Pods of other caches on these nodes, and reserves the slots of the Jobs to create if they are on no others. */
async function planBeside(
  nodeIds: ReadonlySet<string>,
  seen: Seen,
  context: Context,
): Promise<readonly [Plan, ReadonlySet<string>]> {
  const { now, cluster } = context;
  const { livePulls } = cluster;
  const { before } = seen;
  const listing = nodeIds.size === 0 ? undefined : await livePulls.read([...nodeIds], before.uid);
  // Nothing is awaited from here to the reservation, so that no other decision of this process comes between.
  const pulls = listing === undefined ? [] : [...listing.pulls, ...livePulls.reserved(listing, now())];
  const plan = decideBeside(seen, pullsByNode(pulls, before.uid), context);
  if (!startedNodeIds(before, plan).every((id) => nodeIds.has(id))) return [plan, nodeIds];
  const ended = new Set(plan.deleteJobs.map(({ name }) => name));
  livePulls.release(before, pullingNodeIds(plan.status ?? before.status), ended);
  livePulls.reserve(plan.createJobs, now());
  return [plan, nodeIds];
}

/** Ids of the observed nodes that are new to the cache or wait: unless a round opens or pulls are tried again, no others start. */
function likelyNodeIds({ before, observed }: Seen): readonly string[] {
  return [...observed.nodes].flatMap(([name, node]) => {
    const entry = ownEntry(before.status.nodes, name);
    const isLikely = entry === undefined || entry.id !== node?.id || entry.state === 'Pending';
    return node !== undefined && isLikely ? [node.id] : [];
  });
}

/** Ids of the nodes on which a plan begins an attempt. */
const startedNodeIds = ({ status }: ImageCache, plan: Plan): readonly string[] =>
  Object.entries(plan.status?.nodes ?? {}).flatMap(([name, entry]) => {
    const stored = ownEntry(status.nodes, name);
    return entry.state === 'Pulling' && !isSameAttempt(stored, entry) ? [entry.id] : [];
  });

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

/** Adds to the observed state what the process knows: its settings and the time. */
export function worldOf(
  seen: Pick<
    World,
    'before' | 'observed' | 'opens' | 'makes' | 'resolutions' | 'anonymousPulls' | 'otherPulls' | 'otherRegistryUse'
  >,
  { settings, now: clock }: Context,
): World {
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
  try {
    const next = new Cron(schedule, { timezone: timeZone, paused: true, mode: '5-part' }).nextRun(new Date(now));
    return { next: next?.getTime(), problem: next === null ? `${schedule} never comes` : '' };
  } catch (error) {
    return { next: undefined, problem: messageOf(error).slice(0, 200) };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
