/** Chaos tests by seed: `npm run chaos -- --seeds 1000`, or `--seed N` for one or, repeated, for some, `--verbose` for their log; `--real` for a real control plane. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { startLab } from '../cluster/lab.ts';
import { playInProcesses, playPart } from './play-in-processes.ts';
import { runRealSeeds } from './real/run-real-seeds.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import { firstWorkloadSeed } from './scenario.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string', multiple: true },
    processes: { type: 'string', default: String(availableParallelism()) },
    part: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    real: { type: 'boolean', default: false },
    'at-once': { type: 'string', default: '16' },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const from = Number(values.from);
const seeds = values.seed?.map(Number) ?? Array.from({ length: Number(values.seeds) }, (_, index) => from + index);
const count = seeds.length;
const processes = Math.max(1, Math.min(Number(values.processes), count));
const begin = performance.now();

/** On its own lab: a real control plane with KWOK nodes. */
async function playReal(): Promise<readonly SeedResult[]> {
  if (seeds.some((seed) => seed >= firstWorkloadSeed))
    throw new Error('the lab does not serve the kind of these workloads');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  // Each running product listens for our exit.
  process.setMaxListeners(0);
  const lab = await startLab();
  try {
    const log = values.verbose ? print : undefined;
    let done = 0;
    const onResult = (result: SeedResult): void => {
      printFailure(result);
      if ((done += 1) % 5 === 0 && done < count) print(`${done} of ${count}`);
    };
    return await runRealSeeds(seeds, lab, { atOnce: Number(values['at-once']), log, onResult });
  } finally {
    await lab.stop();
  }
}

async function playAll(): Promise<readonly SeedResult[]> {
  if (values.real) return playReal();
  if (values.seed === undefined) return playInProcesses(import.meta.filename, seeds, processes, printFailure);
  const results: SeedResult[] = [];
  for (const seed of seeds) results.push(await runSeed(seed, values.verbose ? print : undefined));
  return results;
}

function printFailure({ seed, profile, wrong, isLate }: SeedResult): void {
  if (wrong.length === 0) return;
  print(
    `seed ${seed} (${profile}): ${isLate ? 'needs a second tick' : 'another end'}; npm run chaos --${values.real ? ' --real' : ''} --seed ${seed} --verbose`,
  );
  for (const line of wrong) print(`  ${line}`);
}

function summary(results: readonly SeedResult[]): void {
  const failed = results.filter(({ wrong }) => wrong.length > 0).map(({ seed }) => seed);
  const faults = new Map<string, number>();
  for (const result of results)
    for (const [kind, times] of Object.entries(result.faults)) faults.set(kind, (faults.get(kind) ?? 0) + times);
  const requests = results.reduce((sum, result) => sum + result.requests, 0);
  print(
    [...faults]
      .toSorted((a, b) => b[1] - a[1])
      .map(([kind, times]) => `${kind}: ${times}`)
      .join(', '),
  );
  const words =
    failed.length === 0
      ? 'all came to the end that they come to without chaos'
      : `${failed.length} failed: ${failed.join(', ')}`;
  print(
    `${results.length} seeds, ${requests} requests, ${((performance.now() - begin) / 1000).toFixed(0)} s: ${words}`,
  );
  const code = failed.length > 0 || results.length < count ? 1 : 0;
  // A product in virtual time may have started something at its end that now waits in real time.
  process.stdout.write('', () => process.exit(code));
}

if (values.part !== undefined) await playPart(values.part, (seed) => runSeed(seed));
const results = await playAll();
if (values.seed !== undefined) {
  if (!values.real) results.forEach(printFailure);
  for (const result of results) print(JSON.stringify(result));
}
summary(results);
