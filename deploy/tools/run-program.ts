type Program<T> = {
  readonly name: string;
  readonly usage: string;
  readonly readOptions: (args: readonly string[]) => T;
  readonly run: (options: T) => Promise<void>;
};

/** Runs a command-line program. Exits with 2 and the usage for invalid options, and with 1 for a failure. */
export async function runProgram<T>({ name, usage, readOptions, run }: Program<T>): Promise<void> {
  try {
    await run(optionsOf(readOptions, usage));
  } catch (error) {
    process.stderr.write(`${name}: ${causesOf(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

class UsageError extends Error {}

function optionsOf<T>(readOptions: (args: readonly string[]) => T, usage: string): T {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    throw new UsageError(`${causesOf(error)}\n\n${usage}`, { cause: error });
  }
}

/** The messages of an error and its causes, because the first alone (`fetch failed`) often says nothing. */
const causesOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const isComplete = error instanceof UsageError || error.cause === undefined;
  return isComplete ? error.message : `${error.message}: ${causesOf(error.cause)}`;
};
