import { type Phase, conditionsOf } from '#model/cache/conditions.ts';
import { type ImageCache, type Status, type StatusValue, isPurged } from '#model/cache/image-cache.ts';
import type { RemovalLedger } from '#model/cache/removal-ledger.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Ledger } from '#model/cache/ledger.ts';
import { type RefreshTimeInputs, nextRefresh } from './refresh-time.ts';
import type { Scheduled } from '#model/world.ts';

/** The status of a cache whose round has ended, with kube-fledged's status values and messages, and the Event that reports it. */
export function closeRound(
  inputs: RefreshTimeInputs,
  cache: ImageCache,
): { readonly status: Status; readonly events: readonly CacheEvent[] } {
  const { now, scheduled } = inputs;
  const { status, generation } = cache;
  const isPurge = isPurged(cache);
  const end = isPurge ? endOfPurge(status.removals) : endOf(status.nodes);
  const conditions = conditionsOf(end.phase, {
    conditions: status.conditions,
    generation,
    now,
    message: end.message,
  });
  const refreshed = isPurge ? {} : { lastRefreshTime: now, nextRefreshTime: nextRefresh(cache, inputs) };
  const ended = { ...status, status: end.value, message: end.message, completionTime: now, conditions, ...refreshed };
  return { status: ended, events: [endEvent(ended), ...(isPurge ? [] : invalidScheduleEvents(scheduled))] };
}

/** Made from the status alone, so that it can also be recorded later. */
const endEvent = ({ status, reason, message, round }: Status): CacheEvent => ({
  type: status === 'Failed' ? 'Warning' : 'Normal',
  reason,
  message,
  key: `round-${round?.number ?? 0}`,
});

/** Milliseconds; two ticks and a margin. */
const recentCompletion = 150_000;

/** The Event of a round that ended recently: the process that closed it may have died before recording it. */
export function recentCompletionEvent({ status, isBeingDeleted }: ImageCache, now: number): CacheEvent | undefined {
  const { round, completionTime: ended = -Infinity } = status;
  const isFinished = round !== undefined && status.status !== 'Processing' && !isBeingDeleted;
  return isFinished && now - ended <= recentCompletion ? endEvent(status) : undefined;
}

/** Reports an invalid schedule, once for each problem. */
function invalidScheduleEvents(scheduled: Scheduled | undefined): readonly CacheEvent[] {
  if (scheduled === undefined || scheduled.problem === '') return [];
  const message = `spec.refresh.schedule is ignored: ${scheduled.problem}`;
  return [{ type: 'Warning', reason: 'InvalidSchedule', message, key: scheduled.problem }];
}

type End = { readonly value: StatusValue; readonly phase: Phase; readonly message: string };

function endOf(nodes: Ledger): End {
  const states = Object.values(nodes).map(({ state }) => state);
  if (states.includes('Failed'))
    return {
      value: 'Failed',
      phase: 'failed',
      message: 'Image pull failed for some images. Please see "failures" section',
    };
  if (states.includes('Ready'))
    return {
      value: 'Succeeded',
      phase: 'succeeded',
      message: 'All requested images pulled succesfully to respective nodes',
    };
  return {
    value: 'NoImagesPulledOrDeleted',
    phase: 'noNodes',
    message: states.length === 0 ? noNodes : allSkipped(nodes),
  };
}

/** Skipped nodes, and nodes with nothing to remove, are not failures. */
function endOfPurge(removals: RemovalLedger): End {
  const states = Object.values(removals).map(({ state }) => state);
  if (states.includes('Failed'))
    return {
      value: 'Failed',
      phase: 'purgeFailed',
      message: 'Image deletion failed for some images. Please see "failures" section',
    };
  if (states.includes('Removed'))
    return {
      value: 'Succeeded',
      phase: 'purged',
      message: 'All cached images succesfully deleted from respective nodes',
    };
  return { value: 'NoImagesPulledOrDeleted', phase: 'purged', message: noNodes };
}

const noNodes = 'No images were pulled or deleted because nodeSelector specified did not match any nodes';

/** Nodes match, but all are skipped: the message counts them by reason. */
function allSkipped(nodes: Ledger): string {
  const counts = new Map<string, number>();
  for (const { reason } of Object.values(nodes)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const told = [...counts].toSorted().map(([reason, count]) => `${count} ${reason}`);
  return `No images were pulled because none of the matching nodes can be served now: ${told.join(', ')}`;
}
