import { createHash } from 'node:crypto';

/** The number and order of events in a run. */
export type RunRecord = {
  readonly request: (who: string, what: string) => void;
  readonly fault: (kind: string) => void;
  readonly requests: () => number;
  readonly faults: () => Readonly<Record<string, number>>;
  /** A hash of all requests in order; it is the same for all runs of a seed. */
  readonly trace: () => string;
};

export function runRecord(log: (line: string) => void): RunRecord {
  const hash = createHash('sha256');
  const faults = new Map<string, number>();
  let requests = 0;
  return {
    request: (who, what) => {
      requests += 1;
      hash.update(`${who} ${what}\n`);
      log(`${who} ${what}`);
    },
    fault: (kind) => {
      faults.set(kind, (faults.get(kind) ?? 0) + 1);
      hash.update(`fault ${kind}\n`);
      log(`  fault: ${kind}`);
    },
    requests: () => requests,
    faults: () => Object.fromEntries(faults),
    trace: () => hash.copy().digest('hex').slice(0, 12),
  };
}
