import { ApiError, ConfigError } from '#runtime/errors.ts';

/** Milliseconds from SIGTERM to the end, whatever is still in flight. */
const longestStop = 9_500;

/**
 * Runs a process from start to graceful stop: `start` brings it up and returns how to bring it down on SIGTERM or SIGINT.
 * A wrong configuration ends it with its sentence and no stack; a second signal ends it at once.
 */
export async function runProcess(start: () => Promise<() => Promise<void>>): Promise<void> {
  try {
    const stop = await start();
    await stopAsked();
    setTimeout(() => process.exit(0), longestStop).unref();
    process.once('SIGINT', () => process.exit(130));
    await stop();
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = 1;
  }
}

/** What the operator can mend is told in its sentence; anything else with where it came from. */
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
