import { helpText, readConfig, wantsHelp, type Config } from '#runtime/config/config.ts';
import { runProcess } from '#runtime/process/run-process.ts';

/** Runs a process with the configuration in its arguments and environment, or prints the help that its arguments ask for. */
export async function runConfigured(start: (config: Config) => Promise<() => Promise<void>>): Promise<void> {
  const argv = process.argv.slice(2);
  if (wantsHelp(argv)) process.stdout.write(helpText());
  else await runProcess(() => start(readConfig(argv, process.env)));
}
