import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '#runtime/config/rows/log-rows.ts';

/** Field names that may hold a secret in logged data. */
const secrets = ['token', 'password', 'authorization', 'Authorization', 'auth', 'dockerconfigjson'];
const paths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`]);

/** Logs JSON lines to standard output, with level names and ISO times; without process and host, which the platform adds. */
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
