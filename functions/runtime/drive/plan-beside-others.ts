import type { ImageCache } from '#model/cache/image-cache.ts';
import { decide } from '#model/decide.ts';
import { retainsJobs } from '#model/job/retention.ts';
import type { Plan } from '#model/plan.ts';
import { pullsByNode } from '#model/pull/live-pull.ts';
import type { World } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';
import { worldOf } from './world-of.ts';

type Seen = Omit<World, 'settings' | 'scheduled' | 'now' | 'pullsBeside'>;

/**
 * Decides within the number of pull Pods that may be on a node at once. The Pods of other caches are read only if nodes would
 * start without that limit, or Jobs are retained, and only those on these nodes.
 */
export async function planBesideOthers(seen: Seen, context: Context): Promise<Plan> {
  const { cluster, settings, now } = context;
  const { livePulls } = cluster;
  const { before } = seen;
  const alone = decide(worldOf({ ...seen, pullsBeside: new Map() }, context));
  const isLimited = seen.makes === 'pulls' && settings.limits.podsPerNode > 0;
  if (!isLimited) return alone;
  const nodeIds = [
    ...new Set([
      ...(startsNodes(before, alone) ? startableNodeIds(seen, alone) : []),
      ...(retainsJobs(before, settings) ? nodeIdsOfJobs(seen) : []),
    ]),
  ];
  const live = nodeIds.length === 0 ? [] : await livePulls.read(nodeIds, before.uid);
  // Nothing is awaited from here to the reservation, so that no other decision of this process comes between.
  const pullsBeside = pullsByNode([...live, ...livePulls.reserved(now())], before.uid);
  const plan = nodeIds.length === 0 ? alone : decide(worldOf({ ...seen, pullsBeside }, context));
  const ended = new Set(plan.deleteJobs.map(({ name }) => name));
  livePulls.release(before, { nodeIds: pullingNodeIds(plan.status ?? before.status), ended });
  livePulls.reserve(plan.createJobs, now());
  return plan;
}

/** Whether a plan begins an attempt on a node. */
const startsNodes = ({ status }: ImageCache, plan: Plan): boolean =>
  Object.entries(plan.status?.nodes ?? {}).some(
    ([name, { state, attempt, id }]) =>
      state === 'Pulling' && (status.nodes[name]?.attempt !== attempt || status.nodes[name].id !== id),
  );

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
