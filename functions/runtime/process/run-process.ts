import { ApiError, ConfigError } from '#runtime/errors.ts';
import { setFlagsFromString } from 'node:v8';

/** Maximum milliseconds from SIGTERM to exit. */
const maxStopTime = 9_500;

/**
 * Runs a process until SIGTERM or SIGINT, then calls the stop function that `start` returned.
 * A configuration error ends it with a message and no stack; a second signal ends it at once.
 */
export async function runProcess(start: () => Promise<() => Promise<void>>): Promise<void> {
  try {
    const stop = await start();
    await stopAsked();
    setTimeout(() => process.exit(0), maxStopTime).unref();
    process.once('SIGINT', () => process.exit(130));
    await stop();
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = 1;
  }
}

/** The message of an error that the operator can fix, else its stack. */
function describe(error: unknown): string {
  if (error instanceof ConfigError || error instanceof ApiError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function stopAsked(): Promise<unknown> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}

/** Heap growth between two full garbage collections, in percent. V8's default is about 50. */
const maxGrowth = 20;

/**
 * Collects garbage sooner, for a process that parses thousands of Nodes and Pods: costs CPU time under load, and keeps the
 * peak close to the live heap. V8 reads this flag at each collection; NODE_OPTIONS does not allow it.
 */
export const keepHeapSmall = (): void => {
  setFlagsFromString(`--heap-growing-percent=${maxGrowth}`);
};
