/** What is measured rather than tested, as its numbers depend on the machine: `npm run bench -- [--only NAME] [--runs N]`. */
import { parseArgs } from 'node:util';
import { coldStart } from './cold-start.ts';

/** Every bench by name: takes how often to repeat, answers with what to print. */
const benches: Readonly<Record<string, (runs: number) => Promise<string>>> = { 'cold-start': coldStart };

const { values } = parseArgs({ options: { only: { type: 'string' }, runs: { type: 'string', default: '21' } } });
const runs = Number(values.runs);
const chosen = Object.entries(benches).filter(([name]) => values.only === undefined || values.only === name);
if (chosen.length === 0 || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(
    `usage: npm run bench -- [--only ${Object.keys(benches).join('|')}] [--runs N], N being a whole number from 1\n`,
  );
  process.exitCode = 2;
} else for (const [name, bench] of chosen) process.stdout.write(`${name}\n\n${await bench(runs)}\n`);
