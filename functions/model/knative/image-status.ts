import { conditionsIn, type KnativeImage } from './knative-image.ts';
import type { Verdict } from './image-verdict.ts';

/** The status of an Image with this verdict; undefined if it has it already. What others wrote stays. */
export function imageStatus(image: KnativeImage, verdict: Verdict, now: number): KnativeImage['status'] | undefined {
  const { ready, generation, observedGeneration, status } = image;
  if (observedGeneration === generation && isSame(ready, verdict)) return undefined;
  const since = ready?.status === verdict.status ? ready.lastTransitionTime : '';
  const condition = {
    type: 'Ready',
    status: verdict.status,
    lastTransitionTime: since === '' ? `${new Date(now).toISOString().slice(0, 19)}Z` : since,
    reason: verdict.reason,
    message: verdict.message,
  };
  const others = conditionsIn(status).filter((each) => !isReady(each));
  return { ...status, observedGeneration: generation, conditions: [...others, condition] };
}

const isSame = (ready: Verdict | undefined, { status, reason, message }: Verdict): boolean =>
  ready?.status === status && ready.reason === reason && ready.message === message;

const isReady = (condition: unknown): boolean =>
  typeof condition === 'object' && condition !== null && 'type' in condition && condition.type === 'Ready';
