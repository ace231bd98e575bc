import { setTimeout as pause } from 'node:timers/promises';
import type { Cgroup } from '../../security/memory/cgroup.ts';

/** Memory of one process over time, in MB. */
export type MemoryRecord = {
  /** Highest resident memory. */
  readonly resident: number;
  /** Highest of the kernel's counter that a limit of a container applies to; 0 without a cgroup. */
  readonly charged: number;
  /** `[seconds, resident, charged]`, at most a few hundred. */
  readonly samples: readonly (readonly [number, number, number])[];
};

export type MemoryWatch = { readonly stop: () => Promise<MemoryRecord> };

type Watched = { readonly cgroup: Cgroup | undefined; readonly memory: () => Promise<number> };

const interval = 200;

/** Samples until stopped; the peaks are of all samples, the curve of the highest in each of its steps. */
export function recordMemory({ cgroup, memory }: Watched): MemoryWatch {
  const stopping = new AbortController();
  const begin = performance.now();
  const samples: [number, number, number][] = [];
  const sampling = (async () => {
    while (!stopping.signal.aborted) {
      const read = Promise.all([cgroup?.used() ?? memory(), cgroup?.charged() ?? 0]);
      const sampled = await read.catch(() => undefined); // the process has ended, which is reported elsewhere
      if (sampled === undefined) return;
      const [resident, charged] = sampled;
      samples.push([Math.round((performance.now() - begin) / 100) / 10, inMegabytes(resident), inMegabytes(charged)]);
      await pause(interval);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await sampling;
      const most = (field: 1 | 2): number => samples.reduce((peak, sample) => Math.max(peak, sample[field]), 0);
      return { resident: most(1), charged: most(2), samples: highestPerStep(samples) };
    },
  };
}

const inMegabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;

const most = 200;

/** At most so many samples, each the highest of its step, so that no peak is lost. */
export function highestPerStep(
  samples: readonly (readonly [number, number, number])[],
): readonly (readonly [number, number, number])[] {
  const size = Math.max(1, Math.ceil(samples.length / most));
  const steps = Map.groupBy(samples.entries(), ([index]) => Math.floor(index / size));
  return [...steps.values()].map((step) => {
    const [first, ...others] = step.map(([, sample]) => sample);
    const start = first ?? [0, 0, 0];
    return others.reduce<readonly [number, number, number]>(
      (peak, sample) => [peak[0], Math.max(peak[1], sample[1]), Math.max(peak[2], sample[2])],
      start,
    );
  });
}
