import { labels } from '#model/cache/api.ts';
import { at, listAt, textAt } from './json.ts';

/** Seconds from the start of a succeeded pull Pod to the end of its last container; undefined for any other Pod. */
export function pullSeconds(pod: unknown): number | undefined {
  const isRemoval = textAt(pod, 'metadata', 'labels', labels.removal) !== undefined;
  if (isRemoval || textAt(pod, 'status', 'phase') !== 'Succeeded') return undefined;
  const started = Date.parse(textAt(pod, 'status', 'startTime') ?? '');
  const ends = listAt(pod, 'status', 'containerStatuses').map((status) =>
    Date.parse(textAt(at(status, 'state', 'terminated'), 'finishedAt') ?? ''),
  );
  const seconds = (Math.max(...ends) - started) / 1000;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}
