/** Random histories, held against the truth: `npm run oracle -- --seed 1 --histories 300`; `--replay FILE` plays a printed one. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { startCluster, type ClusterName } from './clusters.ts';
import { describeHistory, type History } from './history.ts';
import { historyOf, runHistory, type Result } from './run-history.ts';
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

/** Histories per process, as every finished cluster leaves a few megabytes in memory. */
const mostInARow = 100;

/** Histories in this process, some of them at once. */
async function playHere(some: readonly number[], tell: (result: Result) => void): Promise<void> {
  const cluster = await startCluster(name);
  try {
    const left = [...some];
    const playNext = async (): Promise<void> => {
      for (let seed = left.shift(); seed !== undefined; seed = left.shift())
        tell(await runHistory(historyOf(seed, cluster), cluster, log));
    };
    await Promise.all(Array.from({ length: cluster.atOnce }, playNext));
  } finally {
    await cluster.stop();
  }
}

/** Embedded clusters replace the clock of their process, so there is one process for each that runs at once. */
async function playInProcesses(tell: (result: Result) => void): Promise<void> {
  const play = (part: number, from: number, some: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const range = ['--seed', String(from), '--histories', String(some), '--part', `${part}/${processes}`];
      const child = fork(import.meta.filename, range);
      child.on('message', (result: Result) => tell(result));
      child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`a part ended with ${code}`))));
    });
  for (let done = 0; done < count; done += mostInARow) {
    const some = Math.min(mostInARow, count - done);
    await Promise.all(Array.from({ length: processes }, (_, part) => play(part, first + done, some)));
  }
}

/** What the rules found, without what differs between runs. */
const kindsOf = ({ violations }: Result): ReadonlySet<string> =>
  new Set(violations.map((line) => line.split(':')[0] ?? ''));

async function tellFailure(result: Result): Promise<void> {
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
  const results: Result[] = [];
  const tell = (result: Result): void => {
    results.push(result);
    if (result.violations.length > 0) print(`seed ${result.history.seed ?? 0}: ${result.violations[0] ?? ''}`);
    if (results.length % 25 === 0 && results.length < count) print(`${results.length} of ${count}`);
  };
  if (values.replay !== undefined) {
    const cluster = await startCluster(name);
    tell(await runHistory(parsed(readFileSync(values.replay, 'utf8')), cluster, log).finally(cluster.stop));
  } else if (name === 'embedded' && (processes > 1 || count > mostInARow)) await playInProcesses(tell);
  else await playHere(seeds, tell);
  return results;
}

/** A history is only read from what this program printed. */
const parsed = (text: string): History => JSON.parse(text) as History;

if (values.part !== undefined) {
  const [part = 0, parts = 1] = values.part.split('/').map(Number);
  await playHere(
    seeds.filter((seed) => seed % parts === part),
    (result) => process.send?.(result),
  );
  process.disconnect();
  process.exit();
}
const results = await playAll();
const failed = results.filter(({ violations }) => violations.length > 0);
for (const result of failed.slice(0, 5)) await tellFailure(result);
const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
const numbers = `${sum(({ steps }) => steps)} steps, ${sum(({ writes }) => writes)} writes`;
const end = failed.length === 0 ? 'no violation' : `${failed.length} with violations`;
const seconds = ((performance.now() - begin) / 1000).toFixed(0);
print(`${results.length} histories on ${name}, ${numbers}, ${seconds} s: ${end}`);
// A product in virtual time may have started something at its end that now waits in real time.
process.stdout.write('', () => process.exit(failed.length > 0 ? 1 : 0));
