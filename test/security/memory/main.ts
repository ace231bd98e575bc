/** Shows the program's memory over time under each load: `npm run memory -- [--mebibytes 256]`. */
import { parseArgs } from 'node:util';
import { loads } from './loads.ts';
import { runLoads } from './run-loads.ts';

const { values } = parseArgs({ options: { mebibytes: { type: 'string', default: '256' } } });
let last = -1;
const { isLimited, seen } = await runLoads({
  limit: Number(values.mebibytes) * 1024 * 1024,
  loads,
  onSample: ({ seconds, load, megabytes, probe }) => {
    if (seconds !== last)
      process.stdout.write(
        `${String(seconds).padStart(4)} s ${String(megabytes).padStart(4)} MB  probe ${probe} ms  ${load}\n`,
      );
    last = seconds;
  },
});
process.stdout.write(`\n${isLimited ? `in a cgroup of ${values.mebibytes} MiB` : 'without a cgroup: measured only'}\n`);
for (const each of seen)
  process.stdout.write(
    `${each.ended === undefined && each.missedProbes < 3 ? 'survived' : 'FAILED'}  peak ${each.peakMegabytes} MB, slowest probe ${each.slowestProbe} ms, missed in succession ${each.missedProbes}: ${each.load}, ${each.outcome}${each.ended === undefined ? '' : `; ended with ${each.ended}`}\n`,
  );
if (seen.some(({ ended, missedProbes }) => ended !== undefined || missedProbes >= 3)) process.exitCode = 1;
