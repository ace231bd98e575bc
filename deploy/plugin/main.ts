/** The kubectl plugin: kubectl runs it for `kubectl imagecache …`, from anywhere on the PATH. */
import { runPlugin } from './run.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runPlugin(process.argv.slice(2), process.env, processTerminal());
