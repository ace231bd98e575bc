/** Runs the product as on OpenFaaS, as one process that the behaviour suite starts, stops and kills. Its log combines those of all processes. */
import { startCronConnector } from './cron-connector.ts';
import { startPlatform } from './platform.ts';

const programs = process.env['OPENFAAS_PROGRAMS'];
if (programs === undefined) throw new Error('OPENFAAS_PROGRAMS names the folder of the bundled programs');

const platform = await startPlatform({
  programs,
  flags: process.argv.slice(2),
  env: process.env,
  onLine: (line, from) => {
    const renamed = from === 'source' ? line : line.replace('"msg":"started"', '"msg":"function started"');
    process.stdout.write(`${renamed}\n`);
  },
});
const connector = await startCronConnector(() => platform.gateway().port);
/** The suite sends ticks to the first port that is logged as started. */
process.stdout.write(`${JSON.stringify({ level: 'info', port: connector.port, msg: 'started' })}\n`);
platform.startSource();
process.once('SIGTERM', () => {
  connector.close();
  void platform.stop().then((isWell) => process.exit(isWell ? 0 : 1));
});
