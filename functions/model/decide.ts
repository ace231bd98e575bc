import { adopted } from './adopt.ts';
import { advance } from './advance.ts';
import { isRoundOpen, type ImageCache } from './image-cache.ts';
import { asksRegistries } from './moving-images.ts';
import { openRound, staleTriggers } from './open-round.ts';
import { emptyPlan, type Plan } from './plan.ts';
import {
  doneAnnotation,
  isFromKubeFledged,
  isPurged,
  nextRound,
  wasInterrupted,
  type RoundRequest,
} from './next-round.ts';
import { refreshed } from './refresh-ledger.ts';
import { suspended } from './suspend.ts';
import { gateIsOff } from './warm-gate.ts';
import type { World } from './world.ts';

/**
 * The one brain behind all doors: what is to be written for a cache, given what was seen of the world.
 * Deterministic, and it settles: carried out and asked again, it answers with the empty plan.
 */
export function decide(world: World): Plan {
  const { cache, opens, now } = world;
  if (cache.isBeingDeleted) return emptyPlan;
  const request = nextRound(cache, now);
  if (request !== undefined)
    return opens.includes(request.trigger) ? begun(world, opened(world, request)) : goOn(world, request);
  if (isFromKubeFledged(cache) && !(cache.spec.suspend && wasInterrupted(cache)))
    return opens.length === 0 ? emptyPlan : begun(world, adopted(world));
  if (cache.spec.suspend) return opens.length === 0 ? emptyPlan : suspended(world);
  return goOn(world, undefined);
}

/** What the last round still needs. A request that another function is to answer does not hold it up, but for a new spec. */
function goOn(world: World, request: RoundRequest | undefined): Plan {
  const { cache } = world;
  if (cache.status.round === undefined || request?.trigger === 'Spec' || request?.trigger === 'Adopted')
    return emptyPlan;
  const plan = isPurged(cache) ? emptyPlan : advance(world, cache);
  return withoutDoneTrigger(cache, plan);
}

/** The annotation of a round goes when the round has ended; when it is gone, the status stops waiting for that. */
function withoutDoneTrigger(cache: ImageCache, plan: Plan): Plan {
  const status = plan.status ?? cache.status;
  const done = doneAnnotation({ ...cache, status });
  if (done !== undefined) return { ...plan, annotations: { [done.annotation]: done.value }, hasMore: true };
  const { round } = status;
  if (round?.pendingRemoval === undefined || isRoundOpen(status)) return plan;
  return { ...plan, status: { ...status, round: { ...round, pendingRemoval: undefined } } };
}

/** The cache with the round open that is asked for; a refresh looks again at what was settled, and at what registries say now. */
function opened(world: World, request: RoundRequest): ImageCache {
  const cache = openRound(world.cache, request, world.now);
  return asksRegistries(request) ? { ...cache, status: { ...cache.status, ...refreshed(world, cache) } } : cache;
}

/** A cache taken up, by a round or by adoption: triggers from before that are taken away without acting on them. */
function begun(world: World, cache: ImageCache): Plan {
  const plan = isPurged(cache)
    ? { ...emptyPlan, status: cache.status }
    : withoutDoneTrigger(world.cache, advance(world, cache));
  const isFirst = world.cache.status.observedGeneration === undefined;
  const begins = isFirst ? { ...plan, ...staleTriggers(cache, plan) } : plan;
  return { ...begins, events: [...begins.events, ...gateIsOff(cache, world.settings)] };
}
