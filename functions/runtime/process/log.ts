import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '#runtime/config/rows/log-rows.ts';

/** Names under which a secret could come along in logged data, however it got there. */
const secrets = ['token', 'password', 'authorization', 'Authorization', 'auth', 'dockerconfigjson'];
const paths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`]);

/** JSON lines to standard output, one thought each: level by name, time in ISO form, no process or host that the platform adds anyway. */
export function createLog(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: {},
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths, censor: '[secret]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
