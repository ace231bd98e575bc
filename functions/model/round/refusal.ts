import type { Condition, ImageCache, Status } from '#model/cache/image-cache.ts';

/** The status of a cache whose Jobs the API server refuses, with its message; undefined if the status already says so. */
export function withRefusal(cache: ImageCache, message: string, now: number): Status | undefined {
  const reported = `Jobs cannot be created now, and are retried: ${message.slice(0, 512)}`;
  const { status, generation } = cache;
  if (refusalOf(cache)?.message === reported) return undefined;
  const before = status.conditions.find(({ type }) => type === 'Reconciling');
  const refused: Condition = {
    ...{
      type: 'Reconciling',
      status: 'True',
      reason: 'JobsRefused',
      message: reported,
      observedGeneration: generation,
    },
    lastTransitionTime: before?.status === 'True' ? before.lastTransitionTime : now,
  };
  return {
    ...status,
    message: status.status === 'Processing' ? reported : status.message,
    conditions:
      before === undefined
        ? [...status.conditions, refused]
        : status.conditions.map((each) => (each === before ? refused : each)),
  };
}

/** The condition that reports a refusal of Jobs for this generation, if there is one. */
export const refusalOf = ({ status, generation }: ImageCache): Status['conditions'][number] | undefined =>
  status.conditions.find(
    ({ reason, observedGeneration }) => reason === 'JobsRefused' && observedGeneration === generation,
  );
