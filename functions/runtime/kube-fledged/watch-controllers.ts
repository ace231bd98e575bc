import type { Api } from '#runtime/api/api.ts';
import type { Namespaces } from '#runtime/api/paths.ts';
import { ApiError } from '#runtime/errors.ts';
import { type Controller, runningControllers } from './controllers.ts';

export type ControllerWatch = {
  /** Looks which of kube-fledged's controllers run, and whether these are others than at the last look. Throws `ApiError`. */
  readonly look: () => Promise<{ readonly running: readonly Controller[]; readonly hasChanged: boolean }>;
  /** How many ran at the last look. */
  readonly count: () => number;
};

/** Remembers which of kube-fledged's controllers run. Without permission, none are seen. */
export function watchControllers(api: Api, namespaces: Namespaces): ControllerWatch {
  let known: readonly string[] = [];
  return {
    look: async () => {
      const running = await visible(runningControllers(api, namespaces));
      const names = running.map(({ namespace, name }) => `${namespace}/${name}`).toSorted();
      const hasChanged = names.join() !== known.join();
      known = names;
      return { running, hasChanged };
    },
    count: () => known.length,
  };
}

async function visible(running: Promise<readonly Controller[]>): Promise<readonly Controller[]> {
  try {
    return await running;
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}
