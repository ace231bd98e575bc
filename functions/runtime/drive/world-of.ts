import type { World } from '#model/world.ts';
import type { Context } from '#runtime/handler.ts';
import { scheduledAfter } from './schedule.ts';

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
