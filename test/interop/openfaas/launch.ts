/** Runs the product as it is on OpenFaaS, in place of its one process: what the behaviour suite starts, stops and kills. Its log is that of all. */
import { startCronConnector } from './cron-connector.ts';
import { startPlatform } from './platform.ts';

const programs = process.env['OPENFAAS_PROGRAMS'];
if (programs === undefined) throw new Error('OPENFAAS_PROGRAMS names the folder of the bundled programs');

const platform = await startPlatform({
  programs,
  flags: process.argv.slice(2),
  env: process.env,
  onLine: (line, from) => {
    const told = from === 'source' ? line : line.replace('"msg":"started"', '"msg":"function started"');
    process.stdout.write(`${told}\n`);
  },
});
const connector = await startCronConnector(() => platform.gateway().port);
/** The suite sends ticks to whoever says first that it has started. */
process.stdout.write(`${JSON.stringify({ level: 'info', port: connector.port, msg: 'started' })}\n`);
platform.startSource();
process.once('SIGTERM', () => {
  connector.close();
  void platform.stop().then((isWell) => process.exit(isWell ? 0 : 1));
});
