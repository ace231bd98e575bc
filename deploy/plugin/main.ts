/** The kubectl plugin: kubectl runs it from the PATH for `kubectl imagecache …`. */
import { runPlugin } from './run.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runPlugin(process.argv.slice(2), process.env, processTerminal());
