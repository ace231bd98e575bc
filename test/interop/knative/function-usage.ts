import { setTimeout as sleep } from 'node:timers/promises';
import { counted, type Counted } from '../../behaviour/measured.ts';
import { functionProcesses } from './function-pods.ts';

type Used = {
  readonly function: string;
  readonly processes: number;
  readonly peakMegabytes: number;
  readonly megabytesRead: number;
};

export type Usage = {
  /** What each function's processes have come to until now, the most memory of one, and what all have read since they were first seen. */
  readonly stop: () => Promise<readonly Used[]>;
};

type Seen = { readonly function: string; readonly first: Counted; last: Counted };

/** Looks at every function's processes each half second, as they end when nothing is left to do. */
export function watchUsage(): Usage {
  const seen = new Map<number, Seen>();
  const stopping = new AbortController();
  const look = async (): Promise<void> => {
    for (const { pid, function: name } of await functionProcesses()) {
      const now = await counted(pid).catch(() => undefined); // it may have ended
      if (now !== undefined) seen.set(pid, { function: name, first: seen.get(pid)?.first ?? now, last: now });
    }
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await look();
      await sleep(500);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await watching;
      const names = [...new Set([...seen.values()].map((each) => each.function))].toSorted();
      return names.map((name) =>
        used(
          name,
          [...seen.values()].filter((each) => each.function === name),
        ),
      );
    },
  };
}

const used = (name: string, all: readonly Seen[]): Used => ({
  function: name,
  processes: all.length,
  peakMegabytes: Math.max(...all.map(({ last }) => last.peakMegabytes)),
  megabytesRead: all.reduce((sum, { first, last }) => sum + last.bytesRead - first.bytesRead, 0) / 1e6,
});
