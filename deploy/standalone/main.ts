/** Sources and functions in one process; events are delivered in memory. */
import { keepHeapSmall } from '#runtime/process/run-process.ts';
import { runConfigured } from '#runtime/prepare-process.ts';
import { startStandalone } from './start-standalone.ts';

await runConfigured(async (config) => {
  keepHeapSmall();
  const standalone = await startStandalone(config);
  return standalone.stop;
});
