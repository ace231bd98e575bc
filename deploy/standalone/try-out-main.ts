/** The simulation as a process. A signal may end it at any time: only its folder has to be removed. */
import { readConfig } from '#runtime/config/config.ts';
import { runProcess } from '#runtime/process/run-process.ts';
import { isLive, liveScreen, plainScreen } from './screen.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { tryOut } from './try-out.ts';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(0));
// The reader has closed the pipe, as in `npm start | head`.
process.stdout.on('error', () => process.exit(0));

await runProcess(async () => {
  const { argv, env, stdout, stderr } = process;
  // Defaults: free ports, the status page and a quiet log.
  const defaults = {
    PORT: env['PORT'] || '0',
    STATUS_PAGE: env['STATUS_PAGE'] || 'true',
    STATUS_PAGE_PORT: env['STATUS_PAGE_PORT'] || '0',
  };
  const config = readConfig(['--stderrthreshold=WARNING', ...argv.slice(2)], { ...env, ...defaults });
  const folder = temporaryFolder();
  process.once('exit', folder.remove);
  const screen = isLive(stdout, env) ? liveScreen(stdout, stderr) : plainScreen(stdout, stderr);
  await tryOut({ config, screen, folder: folder.path });
  return () => Promise.resolve();
});
