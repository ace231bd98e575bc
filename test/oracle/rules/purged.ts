import type { Ending, Request, SeenCache } from '../ending.ts';
import { isPurged, isServed, lifeOf } from '../truth.ts';

/** A cache whose last request is a purge, alone or together with a refresh, ends purged; one that was asked again later does not. */
export const purged = (ending: Ending): readonly string[] =>
  ending.caches.filter(isServed).flatMap((cache) => {
    const end = endOf(lifeOf(ending, cache).requests);
    if (end === undefined || end === isPurged(cache)) return [];
    return [
      `${cache.metadata.name} ${end ? 'was purged last' : 'is not purged'}, and its reason is ${reasonOf(cache)}`,
    ];
  });

const reasonOf = ({ status }: SeenCache): string => status.reason;

/** Whether the requests end in a purge; undefined if that depends on which of two were seen first. A suspension is an edit of the spec. */
function endOf(requests: readonly Request[]): boolean | undefined {
  const last = requests.at(-1);
  const isAlone = requests.every(({ type }) => type !== 'suspend' && type !== 'resume');
  if (last === undefined || last.type === 'suspend' || last.type === 'resume') return undefined;
  if (isPurge(last)) return last.isObserved ? true : undefined;
  return (last.isSettled && isAlone) || !requests.some(isPurge) ? false : undefined;
}

const isPurge = ({ type }: Request): boolean => type === 'purge' || type === 'purge and refresh';
