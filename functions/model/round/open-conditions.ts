import { conditionsOf } from '#model/cache/conditions.ts';
import { type ImageCache, type Status, isRoundOpen } from '#model/cache/image-cache.ts';
import type { Observed } from '#model/observed.ts';
import { processingMessage } from '#model/cache/round.ts';

/** The status of a cache whose Jobs the API server refuses, with its message; undefined if the status already says so. */
export function withRefusal(cache: ImageCache, message: string, now: number): Status | undefined {
  const told = `Jobs can not be made now, and are tried again: ${message.slice(0, 512)}`;
  const { status, generation } = cache;
  if (refusalOf(cache)?.message === told) return undefined;
  const others = status.conditions.filter(({ type }) => type !== 'Reconciling');
  const since = { observedGeneration: generation, lastTransitionTime: now };
  return {
    ...status,
    message: isRoundOpen(status) ? told : status.message,
    conditions: [...others, { type: 'Reconciling', status: 'True', reason: 'JobsRefused', message: told, ...since }],
  };
}

/** The status of an open round. A refusal stays in the message until Jobs are observed: a retry alone proves nothing. */
export function openRoundStatus(cache: ImageCache, observed: Observed, now: number): Status {
  const { status, generation } = cache;
  const isRefused = refusalOf(cache)?.message === status.message;
  if (isRefused && observed.jobs.size === 0) return status;
  const message = isRefused && status.round !== undefined ? processingMessage(status.round.operation) : status.message;
  const conditions = conditionsOf('open', { conditions: status.conditions, generation, now, message });
  return { ...status, message, conditions };
}

/** The status of a cache without an open round and without work: clears the refusal of Jobs for a node that joined. */
export function idleStatus(cache: ImageCache, now: number): Status {
  const { status, generation } = cache;
  if (refusalOf(cache) === undefined) return status;
  const conditions = conditionsOf('quiet', { conditions: status.conditions, generation, now, message: '' });
  return { ...status, conditions };
}

const refusalOf = ({ status, generation }: ImageCache): Status['conditions'][number] | undefined =>
  status.conditions.find(
    ({ reason, observedGeneration }) => reason === 'JobsRefused' && observedGeneration === generation,
  );
