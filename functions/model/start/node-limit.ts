import { freePullSlots } from '#model/desired/rollout.ts';
import type { ReasonToWait } from './reason-to-wait.ts';

/** Nodes wait while as many as `spec.maxConcurrentNodes` allows are pulling. */
export const nodeLimit: ReasonToWait = {
  prepare: (_, cache) => {
    let free = freePullSlots(cache);
    return {
      waits: () => free === 0,
      started: () => {
        free -= 1;
      },
    };
  },
};
