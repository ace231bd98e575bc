/** `npm run bench`: writes docs/review/benchmarks/results.json, and from it the plots and tables of docs/review/performance.md. */
import { loadavg } from 'node:os';
import { inspect } from 'node:util';
import { benches } from './benches.ts';
import { thisMachine } from './machine.ts';
import { readOptions, usage, type Options } from './options.ts';
import { sections } from './report/sections.ts';
import { writeReport } from './report/write-report.ts';
import { readResults, writeResults, type BenchName } from './results.ts';

const options = process.argv.includes('--help') ? undefined : optionsOrUsage();
if (options === undefined) process.stdout.write(usage);
else {
  const failed: string[] = [];
  for (const name of options.only)
    await measured(name, options).catch((error: unknown) => failed.push(name) && report(name, error));
  if (failed.length > 0) process.exitCode = 1;
}

function optionsOrUsage(): Options | undefined {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n`);
    process.exitCode = 2;
    return undefined;
  }
}

/** Runs one bench, prints its tables, and stores its results at once, as the next one may fail. */
async function measured(name: BenchName, of: Options): Promise<void> {
  process.stderr.write(`bench: ${name} ...\n`);
  const [machine, loadBefore, start] = [await thisMachine(), loadavg()[0] ?? Number.NaN, Date.now()];
  const found = await benches[name](of);
  const entry = {
    date: new Date(start).toISOString(),
    machine,
    loadBefore,
    seconds: (Date.now() - start) / 1000,
    found,
  };
  const results = { ...(await readResults()), [name]: entry };
  process.stdout.write(`${sections({ [name]: entry })[name]}\n\n`);
  if (!of.isSaved) return;
  await writeResults(results);
  await writeReport(results);
}

function report(name: string, error: unknown): void {
  process.stderr.write(`bench: ${name} failed: ${inspect(error)}\n`);
}
