/** Sends hostile requests to the functions: `npm run fuzz -- [--requests 100000] [--seed 1]`. */
import { parseArgs } from 'node:util';
import { runFuzz } from './run-fuzz.ts';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const begin = performance.now();
const { wrong, ...siege } = await runFuzz({ requests: Number(values.requests), seed: Number(values.seed) });
for (const line of wrong) process.stdout.write(`${line}\n`);
const seconds = Math.round((performance.now() - begin) / 1000);
process.stdout.write(
  `${JSON.stringify(siege)}\n${siege.requests} requests in ${seconds} s: ${wrong.length === 0 ? 'nothing wrong' : 'FAILED'}\n`,
);
if (wrong.length > 0) process.exitCode = 1;
