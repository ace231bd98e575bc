import { setTimeout as pause } from 'node:timers/promises';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import { decide } from '#model/decide.ts';
import { worldOf } from './world-of.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Observed } from '#model/observed.ts';
import { isEmpty, type Plan } from '#model/plan.ts';
import { carryOut, WriteFailed } from './carry-out.ts';
import { ApiError, isConflict, RetryLater } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { observe } from './observe.ts';
import { resolveImages } from './resolve-images.ts';
import { reportRefusal } from './report-refusal.ts';
import { nodesToRelease, openGates } from './open-gates.ts';
import { nothingChanged, type Scope } from './scope.ts';
import type { World } from '#model/world.ts';

export type Drive = {
  readonly cache: CacheReference;
  /** What to look at, given the live cache; undefined leaves it alone. */
  readonly scope: (cache: ImageCache) => Scope | undefined;
  /** What the asking function may open a round for. */
  readonly opens: World['opens'];
  /** Which Jobs it makes. */
  readonly makes: World['makes'];
};

/** A delivery works no longer than this, in milliseconds: then it asks for the next one. */
const longestDelivery = 20_000;

/** Between two looks at what nobody tells of, in milliseconds. */
const moment = 500;

/** Drives a cache on, then lets nodes go that waited for it. */
export async function drive(order: Drive, context: Context): Promise<void> {
  const free = new Set<string>();
  await driveOn(order, free, context);
  await openGates(free, context);
}

/** Observe, decide, carry out, until there is nothing left to do. A conflict over the status, the first write, has written nothing: the same is looked at once more. */
async function driveOn(order: Drive, free: Set<string>, context: Context): Promise<void> {
  const { cache: reference, scope, opens, makes } = order;
  const end = context.now() + longestDelivery;
  const ask = resolveImages(context);
  let look: (cache: ImageCache) => Scope | Observed | undefined = scope;
  for (let turn = 1; ; turn += 1) {
    context.signal.throwIfAborted();
    const cache = await context.cluster.cache(reference);
    const seen = cache === undefined ? undefined : look(cache);
    if (cache === undefined || seen === undefined) return;
    const observed = await observe(cache, { scope: seen, opens, makes }, context);
    const words = await ask({ before: cache, observed, opens });
    const plan = decide(worldOf({ before: cache, observed, opens, makes, resolutions: words }, context));
    const next = { ...cache, status: plan.status ?? cache.status };
    if (makes === 'pulls') for (const name of freed(next, observed, context)) free.add(name);
    const isLast = plan.observeNext === 'none' && !plan.polls;
    if (isEmpty(plan) && isLast) return;
    const failure = await attempt(carryOut(plan, cache, context));
    if (failure === undefined && isLast) return;
    if (!isConflict(failure) || plan.finalizer !== undefined) look = nextLook(plan, observed, failure);
    if (failure !== undefined) {
      context.log.info({ cache: `${cache.namespace}/${cache.name}`, turn, err: failure }, 'looking again');
      await recover(failure, { cache, turn }, context);
    }
    if (plan.polls) await pause(moment, undefined, { signal: context.signal });
    if (context.now() > end) throw new RetryLater(`more to do for ${cache.namespace}/${cache.name}`, 100);
  }
}

/** Whatever failed half-way is looked at as a whole; nodes that were more than one plan holds need no other look, nor do the next more than one at them. */
function nextLook({ observeNext }: Plan, observed: Observed, failure: unknown): () => Scope | Observed {
  if (failure === undefined && observeNext === 'seen') return () => seenNodes(observed);
  return () => (failure === undefined && observeNext === 'next' ? nothingChanged : 'everything');
}

/** What still holds of a look when its plan has been carried out: Jobs were made and deleted, nodes were not. */
const seenNodes = (observed: Observed): Observed => ({
  ...observed,
  jobs: new Map(),
  hasAllJobs: false,
  goneJobs: new Set(),
});

/** The nodes that a gated cache, as it is about to be, does not hold back any more. */
const freed = (cache: ImageCache, { nodes }: Observed, context: Context): readonly string[] =>
  cache.spec.warmGate === undefined ? [] : nodesToRelease(nodes.values(), [cache], context);

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

/** What stays as it is until somebody changes something: a missing right or namespace, a quota, a policy. */
const isRefusal = ({ status }: ApiError): boolean => status === 403 || status === 404 || status === 422;

async function recover(
  failure: unknown,
  { cache, turn }: { cache: ImageCache; turn: number },
  context: Context,
): Promise<void> {
  const cause = failure instanceof WriteFailed ? failure.cause : undefined;
  if (cause instanceof ApiError && isRefusal(cause)) {
    await reportRefusal(cache, cause, context);
    throw new RetryLater(`Jobs of ${cache.namespace}/${cache.name} are refused`, 10_000, { cause });
  }
  if (cause instanceof RetryLater) throw cause;
  if (turn >= mostTurns)
    throw new RetryLater(`${cache.namespace}/${cache.name} could not be written`, 1000, { cause: failure });
  await pause(50 * 2 ** turn, undefined, { signal: context.signal });
}
