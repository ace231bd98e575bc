import type { Logger } from 'pino';
import { createLog } from '#runtime/process/log.ts';

type LogLine = Readonly<Record<string, unknown>>;

/** A log, and a function that returns its lines so far. */
export function recordedLog(level: 'info' | 'debug' = 'info'): {
  readonly log: Logger;
  readonly lines: () => readonly LogLine[];
} {
  const lines: LogLine[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as LogLine);
  return { log: createLog(level, { write }), lines: () => lines };
}
