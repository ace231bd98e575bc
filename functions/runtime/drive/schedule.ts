import { Cron } from 'croner';
import type { RefreshSchedule } from '#model/cache/image-cache.ts';
import type { Scheduled } from '#model/world.ts';

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
    return { next: undefined, problem: sentence(error).slice(0, 200) };
  }
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));
