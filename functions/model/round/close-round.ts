import { type ImageCache, type Status, isPurged, isRoundOpen, withStatus } from '#model/cache/image-cache.ts';
import { isFailing } from '#model/cache/ledger.ts';
import type { CacheEvent } from '#model/cache/kubernetes-event.ts';
import type { Scheduled, World } from '#model/world.ts';
import { nextRefresh } from './refresh-time.ts';
import { type Reporting, reportedStatus } from './reported-status.ts';

type ReportingWorld = World & Reporting;
type Reported = { readonly status: Status; readonly events: readonly CacheEvent[] };

/** The status of a cache whose round has ended, and the Event that reports it. */
export function closeRound(world: ReportingWorld, cache: ImageCache): Reported {
  const { now, scheduled } = world;
  const isPurge = isPurged(cache);
  const refreshed = isPurge ? {} : { lastRefreshTime: now, nextRefreshTime: nextRefresh(cache, world) };
  const status = reportedStatus(withStatus(cache, { completionTime: now, ...refreshed }), world);
  return { status, events: [endEvent(status), ...(isPurge ? [] : invalidScheduleEvents(scheduled))] };
}

/** The status of a cache as it is now, and an Event if it has failed since its round ended, or has failed no more. */
export function continued(world: ReportingWorld, cache: ImageCache): Reported {
  const status = reportedStatus(cache, world);
  const isNews = !isRoundOpen(status) && hasFailed(status) !== hasFailed(world.before.status);
  const isEnd = status.status !== 'Processing' && !isRoundOpen(world.before.status);
  const { key, ...event } = endEvent(status);
  return { status, events: isNews && isEnd ? [{ ...event, key: `${key}-${world.now}` }] : [] };
}

const hasFailed = ({ status }: Status): boolean => status === 'Failed';

/** The Event of a round that has ended. Made from the status alone, so that it can also be recorded later. */
export const endEvent = ({ status, reason, message, round }: Status): CacheEvent => ({
  type: status === 'Failed' ? 'Warning' : 'Normal',
  reason,
  message,
  key: `round-${round?.number ?? 0}`,
});

/** Milliseconds; two ticks and a margin. */
const recentCompletion = 150_000;

/** Whether the latest round ended so recently that its Events may be missing: the process that closed it may have ended before recording them. */
export function hasEndedRecently({ status, isBeingDeleted }: ImageCache, now: number): boolean {
  const { round, completionTime: ended = -Infinity } = status;
  return round !== undefined && status.status !== 'Processing' && !isBeingDeleted && now - ended <= recentCompletion;
}

/** Milliseconds that a pull may fail before an Event says so: a registry that restarts is none. */
const failingGrace = 60_000;

/** The Event of a cache of which a node has failed for a minute and is still tried; one for each time that it began to fail. */
export function failingEvents({ status, isBeingDeleted }: ImageCache, now: number): readonly CacheEvent[] {
  const failing = status.conditions.find(({ type }) => type === 'Failing');
  const isTrying = Object.values(status.nodes).some(isFailing);
  if (failing === undefined || !isTrying || isBeingDeleted) return [];
  const { reason, lastTransitionTime: since } = failing;
  if (now - since < failingGrace) return [];
  return [{ type: 'Warning', reason, message: status.message, key: `failing-${since}` }];
}

/** Reports an invalid schedule, once for each problem. */
function invalidScheduleEvents(scheduled: Scheduled | undefined): readonly CacheEvent[] {
  if (scheduled === undefined || scheduled.problem === '') return [];
  const message = `spec.refresh.schedule is ignored: ${scheduled.problem}`;
  return [{ type: 'Warning', reason: 'InvalidSchedule', message, key: scheduled.problem }];
}
