import { adopted } from './adopt.ts';
import { advance } from './advance.ts';
import type { ImageCache } from './image-cache.ts';
import { openRound, staleTriggers } from './open-round.ts';
import { emptyPlan, type Plan } from './plan.ts';
import { isFromKubeFledged, isPurged, nextRound, wasInterrupted } from './next-round.ts';
import { suspended } from './suspend.ts';
import type { World } from './world.ts';

/**
 * The one brain behind all doors: what is to be written for a cache, given what was seen of the world.
 * Deterministic, and it settles: carried out and asked again, it answers with the empty plan.
 */
export function decide(world: World): Plan {
  const { cache, opens, now } = world;
  if (cache.isBeingDeleted) return emptyPlan;
  const request = nextRound(cache);
  if (request !== undefined)
    return opens.includes(request.trigger) ? begun(world, openRound(cache, request, now)) : emptyPlan;
  if (isFromKubeFledged(cache) && !(cache.spec.suspend && wasInterrupted(cache)))
    return opens.length === 0 ? emptyPlan : begun(world, adopted(world));
  if (cache.spec.suspend) return opens.length === 0 ? emptyPlan : suspended(world);
  return cache.status.round === undefined || isPurged(cache) ? emptyPlan : advance(world, cache);
}

/** A cache taken up, by a round or by adoption: triggers from before that are taken away without acting on them. */
function begun(world: World, cache: ImageCache): Plan {
  const plan = isPurged(cache) ? { ...emptyPlan, status: cache.status } : advance(world, cache);
  const isFirst = world.cache.status.observedGeneration === undefined;
  return isFirst ? { ...plan, ...staleTriggers(cache, plan) } : plan;
}
