import { ApiError, ConfigError } from '#runtime/errors.ts';
import { UsageError } from './command.ts';

/** An error in the format of kubectl. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) return apiErrorText(error);
  if (error instanceof UsageError || error instanceof ConfigError) return `error: ${error.message}`;
  return error instanceof Error ? `error: ${error.stack ?? error.message}` : `error: ${String(error)}`;
}

/** The message of the server, without the request. */
function apiErrorText({ status, reason, message }: ApiError): string {
  if (status === 0) return `error: ${message}`;
  return `Error from server (${reason === '' ? status : reason}): ${message.replace(/^[A-Z]+ \S+: \d+ [^:]*: /, '')}`;
}
