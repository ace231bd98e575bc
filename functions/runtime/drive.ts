import { setTimeout as pause } from 'node:timers/promises';
import type { CacheReference } from '#model/cloud-event.ts';
import { decide } from '#model/decide.ts';
import { worldOf } from './world-of.ts';
import type { ImageCache } from '#model/image-cache.ts';
import type { Observed } from '#model/observed.ts';
import { isEmpty } from '#model/plan.ts';
import type { Trigger } from '#model/round.ts';
import { carryOut, WriteFailed } from './carry-out.ts';
import { ApiError, isConflict, RetryLater } from './errors.ts';
import type { Context } from './handler.ts';
import { observe } from './observe.ts';
import { askRegistries } from './registry-words.ts';
import { reportRefusal } from './report-refusal.ts';
import { nodesToLetGo, openGates } from './warm-gate.ts';
import type { Scope } from './scope.ts';

export type Drive = {
  readonly cache: CacheReference;
  /** What to look at, given the live cache. */
  readonly scope: (cache: ImageCache) => Scope;
  /** Which triggers the asking function may open a round for. */
  readonly opens: readonly Trigger[];
};

/** A delivery works no longer than this, in milliseconds: then it asks for the next one. */
const longestDelivery = 20_000;

/** Drives a cache on, then lets nodes go that waited for it. */
export async function drive(order: Drive, context: Context): Promise<void> {
  const free = new Set<string>();
  await driveOn(order, free, context);
  await openGates(free, context);
}

/** Observe, decide, carry out, until there is nothing left to do. Whatever failed half-way is looked at anew, and then as a whole. */
async function driveOn({ cache: reference, scope, opens }: Drive, free: Set<string>, context: Context): Promise<void> {
  const end = context.now() + longestDelivery;
  const ask = askRegistries(context);
  for (let turn = 1; ; turn += 1) {
    context.signal.throwIfAborted();
    const cache = await context.cluster.cache(reference);
    if (cache === undefined) return;
    const look = turn === 1 ? scope(cache) : 'everything';
    const observed = await observe(cache, { scope: look, opens }, context);
    const words = await ask({ cache, observed, opens });
    const plan = decide(worldOf({ cache, observed, opens, words }, context));
    for (const name of freed({ ...cache, status: plan.status ?? cache.status }, observed, context)) free.add(name);
    if (isEmpty(plan)) return;
    const failure = await attempt(carryOut(plan, cache, context));
    if (failure === undefined && !plan.hasMore) return;
    if (failure !== undefined) await recover(failure, { cache, turn }, context);
    if (context.now() > end) throw new RetryLater(`more to do for ${cache.namespace}/${cache.name}`, 100);
  }
}

/** The nodes that a gated cache, as it is about to be, does not hold back any more. */
const freed = (cache: ImageCache, { nodes }: Observed, context: Context): readonly string[] =>
  cache.spec.warmGate === undefined ? [] : nodesToLetGo(nodes.values(), [cache], context);

/** A conflict and a failed write are reasons to look again; anything else is thrown. */
async function attempt(work: Promise<void>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isConflict(error) || error instanceof WriteFailed) return error;
    throw error;
  }
}

const mostTurns = 5;

async function recover(
  failure: unknown,
  { cache, turn }: { cache: ImageCache; turn: number },
  context: Context,
): Promise<void> {
  const cause = failure instanceof WriteFailed ? failure.cause : undefined;
  if (cause instanceof ApiError && cause.status === 403) {
    await reportRefusal(cache, cause, context);
    throw new RetryLater(`Jobs of ${cache.namespace}/${cache.name} are refused`, 10_000, { cause });
  }
  if (cause instanceof RetryLater) throw cause;
  if (turn >= mostTurns)
    throw new RetryLater(`${cache.namespace}/${cache.name} could not be written`, 1000, { cause: failure });
  await pause(50 * 2 ** turn, undefined, { signal: context.signal });
}
