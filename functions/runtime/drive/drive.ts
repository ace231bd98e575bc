import { setTimeout as pause } from 'node:timers/promises';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import { withFound } from '#model/cache/found-images.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { allowedFound } from '#model/cache/tenancy.ts';
import { refusedLimit } from '#model/round/suspend.ts';
import type { Query } from '#model/observed.ts';
import { isEmpty, type Plan } from '#model/plan.ts';
import type { World } from '#model/world.ts';
import { isConflict, RetryLater, ApiError, unless } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { carryOut, WriteFailed } from './carry-out.ts';
import { type Observation, observe } from './observe.ts';
import { nodesToRelease, openGates } from './open-gates.ts';
import { decideWithOthers, nothingAsked } from './decide-with-others.ts';
import { needsFoundImages, type ReadFoundImages, readFoundImages } from './read-workloads.ts';
import { type AskRegistries, resolveImages } from './resolve-images.ts';
import { isForImages, serveImages } from './serve-images.ts';
import { withRefusedJobs } from '#model/report/reported-status.ts';

export type Drive = {
  readonly cache: CacheReference;
  /** What to read, given the current cache; of nothing, the cache is left alone. */
  readonly query: (cache: ImageCache) => Query;
  /** What the calling function may open a round for. */
  readonly opens: World['opens'];
  /** Which Jobs it creates. */
  readonly makes: World['makes'];
  /** Whether a listing of Nodes may be shared that is some seconds old; false by default, as an event may be about a Node. */
  readonly sharesNodes?: boolean;
  /** Reads its workloads; by default, they are read again for each drive. */
  readonly readFound?: ReadFoundImages;
};

/** Milliseconds after which a delivery ends and asks to be repeated. */
const maxDelivery = 20_000;

/** Milliseconds between observations of what no event reports. */
const pollInterval = 500;

/**
 * Does all that can be done for a cache now, then removes the startup taints of nodes that wait for nothing more. Returns the
 * status that was decided last; undefined if the cache is gone or was left alone.
 */
export async function drive(order: Drive, context: Context): Promise<Status | undefined> {
  const released = new Set<string>();
  const { hasWritten, status } = await driveCache(order, released, context);
  await openGates(released, context);
  const mayBeNews = order.makes === 'pulls' && (hasWritten || order.opens.includes('Workloads'));
  if (mayBeNews && isForImages(order.cache, context.settings))
    await serveImages({ reference: order.cache, opensRounds: order.opens.length > 0 }, context);
  return status;
}

type Driving = { readonly hasWritten: boolean; readonly status: Status | undefined };

/** Observes, decides and carries out, in a loop until there is nothing to do. Adds the nodes to release to `released`. */
async function driveCache(order: Drive, released: Set<string>, context: Context): Promise<Driving> {
  const end = context.now() + maxDelivery;
  const ask = resolveImages(context);
  let driven: Driven = { readFound: readFoundImages(context), ...order };
  let driving: Driving = { hasWritten: false, status: undefined };
  for (let attempt = 1; ; attempt += 1) {
    context.signal.throwIfAborted();
    const step = await stepOf(driven, ask, context);
    if (step === undefined) return driving;
    const { cache, plan, failure } = step;
    for (const name of releasedBy(step, order, context)) released.add(name);
    const isLast = plan.observeNext === 'nothing' && !plan.polls;
    driving = {
      hasWritten: driving.hasWritten || plan.status !== undefined,
      status: plan.status ?? cache.status,
    };
    if (failure === undefined && isLast) return driving;
    if (failure !== undefined) await prepareRetry(failure, cache, attempt, context);
    if (!isSafeToRepeat(failure, plan)) driven = { ...driven, ...nextQuery(step, failure) };
    if (plan.polls) await pause(pollInterval, undefined, { signal: context.signal });
    if (context.now() > end) throw new RetryLater(`more to do for ${cache.namespace}/${cache.name}`, 100);
  }
}

/** `known` is what the last decision knew. */
type Driven = Drive & { readonly readFound: ReadFoundImages; readonly known?: Observation };

type Decision = { readonly cache: ImageCache; readonly observed: Observation; readonly plan: Plan };

/** `failure`: why not all of the plan was written, after which to observe again. */
type Step = Decision & { readonly failure: unknown };

/** Decides once and carries that out. Decisions about removals of different caches come one after the other. */
async function stepOf(driven: Driven, ask: AskRegistries, context: Context): Promise<Step | undefined> {
  const step = async (): Promise<Step | undefined> => {
    const decision = await observeAndDecide(driven, ask, context);
    if (decision === undefined) return undefined;
    const { cache, observed, plan } = decision;
    if (isEmpty(plan) && plan.observeNext === 'nothing' && !plan.polls) return { ...decision, failure: undefined };
    return { ...decision, failure: await failureToRetry(carryOut(plan, cache, observed.nodeListing, context)) };
  };
  const { removalDecisions, signal } = context;
  return driven.makes === 'removals' && removalDecisions !== undefined ? removalDecisions(step, signal) : step();
}

/** Returns undefined if the cache is gone or is to be left alone. */
async function observeAndDecide(
  { cache: reference, query, known, opens, makes, sharesNodes = false, readFound }: Driven,
  ask: AskRegistries,
  context: Context,
): Promise<Decision | undefined> {
  const read = await context.cluster.cache(reference);
  const asked = read === undefined ? 'nothing' : query(read);
  if (read === undefined || asked === 'nothing') return undefined;
  await reportOtherInstallations(read, context);
  const cache = withAllowedImages(needsFoundImages(read, opens, context.now()) ? await readFound(read) : read, context);
  const observed = await observe(cache, asked, { opens, makes, sharesNodes }, context, known);
  // Registries are not asked about a cache that is refused.
  const isRefused = refusedLimit(cache, context.settings.limits, context.now()) !== undefined;
  const answers = isRefused ? nothingAsked : await ask({ before: cache, observed, opens, makes });
  await context.turn?.();
  const plan = await decideWithOthers({ before: cache, observed, opens, makes, ...answers }, context);
  return { cache, observed, plan };
}

/** Warns of installations that serve the same cache: each would start its own Pods within its own limits. */
async function reportOtherInstallations(cache: ImageCache, { cluster, log, now }: Context): Promise<void> {
  for (const namespace of cluster.otherInstallations(cache)) {
    const message = `The installation in namespace ${namespace} serves this ImageCache, too: uninstall one of them, or limit each to its own namespaces (tenancy.namespaces)`;
    log.warn({ cache: `${cache.namespace}/${cache.name}`, installation: namespace }, message);
    const event = { type: 'Warning', reason: 'OtherInstallation', message, key: namespace } as const;
    await cluster.record(cache, event, now());
  }
}

/** The status may have images of workloads that the namespace may no longer have. */
function withAllowedImages(cache: ImageCache, { settings }: Context): ImageCache {
  const found = allowedFound(cache, settings.limits);
  return found === cache.found ? cache : withFound(cache, found);
}

/** The nodes whose startup taint this cache no longer needs once the planned status is written. */
function releasedBy({ cache, observed, plan }: Decision, { makes }: Drive, context: Context): readonly string[] {
  if (makes !== 'pulls' || cache.spec.warmGate === undefined) return [];
  const next = { ...cache, status: plan.status ?? cache.status };
  return nodesToRelease(observed.nodes.values(), [next], context);
}

/** After a 409 on the status, the first write, nothing was written: the same is read again. */
const isSafeToRepeat = (failure: unknown, plan: Plan): boolean => isConflict(failure) && plan.finalizer === undefined;

/** After a failed write, or to poll, everything is read. After a success, what the plan asks for. */
function nextQuery({ plan, observed }: Decision, failure: unknown): Pick<Driven, 'query' | 'known'> {
  const query = failure !== undefined || plan.observeNext === 'nothing' ? 'everything' : plan.observeNext;
  return { query: () => query, known: observed };
}

/** Waits for a plan to be carried out and returns a failure after which to observe again: a conflict, or Jobs that could not be written. Any other error is thrown. */
async function failureToRetry(carriedOut: Promise<void>): Promise<unknown> {
  try {
    await carriedOut;
    return undefined;
  } catch (error) {
    if (isConflict(error) || error instanceof WriteFailed) return error;
    throw error;
  }
}

const maxAttempts = 5;

/** Waits before the next attempt. Throws `RetryLater` if Jobs are refused, which it reports in the status, or after too many attempts. */
async function prepareRetry(failure: unknown, cache: ImageCache, attempt: number, context: Context): Promise<void> {
  const name = `${cache.namespace}/${cache.name}`;
  context.log.info({ cache: name, attempt, err: failure }, 'write failed, observing again');
  const cause = failure instanceof WriteFailed ? failure.cause : undefined;
  if (cause instanceof ApiError && isRefusal(cause)) {
    await reportRefusal(cache, cause, context);
    throw new RetryLater(`Jobs of ${name} are refused`, 10_000, { cause });
  }
  if (cause instanceof RetryLater) throw cause;
  if (attempt >= maxAttempts) throw new RetryLater(`${name} could not be written`, 1000, { cause: failure });
  await pause(50 * 2 ** attempt, undefined, { signal: context.signal });
}

/** What lasts until somebody changes something: a missing right or namespace, a quota, a policy. */
const isRefusal = ({ status }: ApiError): boolean => status === 403 || status === 404 || status === 422;

/** Writes to the status why Jobs are not created, in the API server's words: a quota, an admission policy, a missing right. */
async function reportRefusal(before: ImageCache, refusal: ApiError, { cluster, now }: Context): Promise<void> {
  const cache = await cluster.cache(before);
  const status = cache && withRefusedJobs(cache, refusal.message, now());
  if (cache !== undefined && status !== undefined) await unless(isConflict, cluster.writeStatus(cache, status));
}
