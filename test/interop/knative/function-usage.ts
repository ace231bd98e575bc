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
  /** The usage of each function's processes so far: peak memory of one, and bytes read by all since they were first observed. */
  readonly stop: () => Promise<readonly Used[]>;
};

type Seen = { readonly function: string; readonly first: Counted; last: Counted };

/** Samples the processes of every function twice a second, as they exit when idle. */
export function watchUsage(): Usage {
  const seen = new Map<number, Seen>();
  const stopping = new AbortController();
  const look = async (): Promise<void> => {
    for (const { pid, function: name } of await functionProcesses()) {
      const now = await counted(pid).catch(() => undefined); // it may have exited
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
