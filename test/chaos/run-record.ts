import { createHash } from 'node:crypto';

/** What happened in a run: how often, and in which order. */
export type RunRecord = {
  readonly request: (who: string, what: string) => void;
  readonly fault: (kind: string) => void;
  readonly requests: () => number;
  readonly faults: () => Readonly<Record<string, number>>;
  /** Stands for every request in its order: runs of one seed have the same. */
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
