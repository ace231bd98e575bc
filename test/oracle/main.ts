/** Random histories, held against the truth: `npm run oracle -- --seed 1 --histories 300`; `--replay FILE` plays a printed one. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { playInProcesses, playPart } from '../chaos/play-in-processes.ts';
import { startCluster, type ClusterName } from './clusters.ts';
import { describeHistory, type History } from './history.ts';
import { runHistory, runSeed, runSeeds, type Result } from './run-history.ts';
import { shrink } from './shrink.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string', default: '1' },
    cluster: { type: 'string', default: 'embedded' },
    replay: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
    part: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const log = values.verbose ? print : undefined;
const names = ['embedded', 'control-plane', 'nodes'] as const;
const name: ClusterName = names.find((each) => each === values.cluster) ?? usage();
const [first, count] = [Number(values.seed), Number(values.histories)];
const seeds = Array.from({ length: count }, (_, index) => first + index);
const processes = Math.max(1, Math.min(Number(values.processes), count));
const begin = performance.now();

function usage(): never {
  print(`--cluster is one of ${names.join(', ')}`);
  process.exit(2);
}

/** What the rules found, without what differs between runs. */
const kindsOf = ({ violations }: Result): ReadonlySet<string> =>
  new Set(violations.map((line) => line.split(':')[0] ?? ''));

async function printFailure(result: Result): Promise<void> {
  const cluster = await startCluster(name);
  try {
    const kinds = kindsOf(result);
    const fails = async (history: History): Promise<boolean> =>
      [...kindsOf(await runHistory(history, cluster))].some((kind) => kinds.has(kind));
    const shortest = values['no-shrink'] ? result.history : await shrink(result.history, fails);
    const last = await runHistory(shortest, cluster, log);
    print(`seed ${result.history.seed ?? 0}, ${shortest.steps.length} of ${result.history.steps.length} steps:`);
    for (const line of describeHistory(shortest)) print(`  ${line}`);
    for (const line of last.violations.length > 0 ? last.violations : result.violations) print(`  violation: ${line}`);
    print('to play it again, save the next line and run: npm run oracle -- --replay FILE');
    print(JSON.stringify(shortest));
  } finally {
    await cluster.stop();
  }
}

async function playAll(): Promise<readonly Result[]> {
  if (name === 'embedded' && values.replay === undefined && processes > 1)
    return playInProcesses(import.meta.filename, seeds, processes, printFirst);
  const results: Result[] = [];
  const onResult = (result: Result): void => {
    results.push(result);
    printFirst(result);
  };
  const cluster = await startCluster(name);
  if (values.replay === undefined) await runSeeds(seeds, cluster, onResult, log);
  else onResult(await runHistory(parsed(readFileSync(values.replay, 'utf8')), cluster, log).finally(cluster.stop));
  return results;
}

/** What was found first, at once; all of it is printed in the end. */
function printFirst({ history, violations }: Result): void {
  if (violations.length > 0) print(`seed ${history.seed ?? 0}: ${violations[0] ?? ''}`);
}

/** A history is only read from what this program printed. */
const parsed = (text: string): History => JSON.parse(text) as History;

if (values.part !== undefined) {
  const cluster = await startCluster(name);
  await playPart(values.part, (seed) => runSeed(seed, cluster));
}
const results = await playAll();
const failed = results.filter(({ violations }) => violations.length > 0);
for (const result of failed.slice(0, 5)) await printFailure(result);
const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
const numbers = `${sum(({ steps }) => steps)} steps, ${sum(({ writes }) => writes)} writes`;
const end = failed.length === 0 ? 'no violation' : `${failed.length} with violations`;
const seconds = ((performance.now() - begin) / 1000).toFixed(0);
print(`${results.length} histories on ${name}, ${numbers}, ${seconds} s: ${end}`);
// A product in virtual time may have started something at its end that now waits in real time.
process.stdout.write('', () => process.exit(failed.length > 0 ? 1 : 0));
