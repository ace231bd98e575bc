/** Sources and functions in one process: events are handed over in memory. */
import { type Config, helpText, readConfig, wantsHelp } from '#runtime/config.ts';
import { runProcess } from '#runtime/run-process.ts';
import { isLive, liveScreen, plainScreen } from './screen.ts';
import { startStandalone } from './start-standalone.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { tryOut } from './try-out.ts';

const namesCluster = ({ kubeconfig, master, inCluster }: Config): boolean =>
  kubeconfig !== '' || master !== '' || inCluster;

/** To try out, a port that is free and a quiet log will do, unless something else is asked for. */
const tryOutConfig = (): Config =>
  readConfig(['--stderrthreshold=WARNING', ...process.argv.slice(2)], {
    ...process.env,
    PORT: process.env['PORT'] || '0',
  });

/** Nothing of it outlives the process but its folder, so a signal at any time may end it at once. */
async function runTryOut(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(0));
  // Whoever read it has gone, as in `npm start | head`.
  process.stdout.on('error', () => process.exit(0));
  const config = tryOutConfig();
  const folder = temporaryFolder();
  process.once('exit', folder.remove);
  const screen = (isLive(process.stdout, process.env) ? liveScreen : plainScreen)(process.stdout, process.stderr);
  await tryOut({ config, screen, folder: folder.path });
}

if (wantsHelp(process.argv)) process.stdout.write(helpText());
else
  await runProcess(async () => {
    const config = readConfig(process.argv.slice(2), process.env);
    if (namesCluster(config)) return (await startStandalone(config)).stop;
    await runTryOut();
    return () => Promise.resolve();
  });
