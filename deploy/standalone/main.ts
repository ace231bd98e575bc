/** Sources and functions in one process; events are delivered in memory. */
import { readConfig, helpText, wantsHelp } from '#runtime/config/config.ts';
import { keepHeapSmall } from '#runtime/process/keep-heap-small.ts';
import { runProcess } from '#runtime/process/run-process.ts';
import { startStandalone } from './start-standalone.ts';

if (wantsHelp(process.argv)) process.stdout.write(helpText());
else
  await runProcess(async () => {
    keepHeapSmall();
    const standalone = await startStandalone(readConfig(process.argv.slice(2), process.env));
    return standalone.stop;
  });
