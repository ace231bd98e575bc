import { type DestinationStream, type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { LogLevel } from '#runtime/config/process-settings.ts';

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
    serializers: { err: serializedError },
    redact: { paths, censor: '[secret]' },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Errors of which the message says everything: what a server or a receiver answered, or that it did not. */
const explained = new Set([
  ...['ApiError', 'RetryLater', 'Rejected', 'ConfigError', 'WriteFailed', 'DeliveryFailed', 'DeliveryRefused'],
  ...['AbortError', 'TimeoutError', 'Stalled'],
]);

/** The error with its causes; with a stack only if one of them is unexpected, since failures are retried and logged again and again. */
function serializedError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { stack, ...rest } = stdSerializers.err(error);
  return isExplained(error) ? rest : { ...rest, stack };
}

/** System errors have a code, such as ECONNREFUSED. */
function isExplained(error: unknown): boolean {
  if (!(error instanceof Error)) return error === undefined;
  return (explained.has(error.name) || 'code' in error) && isExplained(error.cause);
}
