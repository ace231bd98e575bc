/** A hostile tenant of `tenancy: Isolated`: `npm run hostile -- --minutes 30 --seed 1`; `--tenancy Trusted` shows what the rules find. */
import { parseArgs } from 'node:util';
import { drawSteps } from './draw-steps.ts';
import { playSteps } from './play.ts';
import { violations } from './rules.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    /** Instead of minutes. */
    histories: { type: 'string' },
    seed: { type: 'string', default: '1' },
    tenancy: { type: 'string', default: 'Isolated' },
    verbose: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const tenancy = values.tenancy === 'Trusted' ? 'Trusted' : 'Isolated';
const options = { tenancy, ...(values.verbose ? { log: print } : {}) } as const;
const count = values.histories === undefined ? Infinity : Number(values.histories);
const end = performance.now() + Number(values.minutes) * 60_000;
const sums = { histories: 0, accepted: 0, refused: 0, jobs: 0, asked: 0, removals: 0, violations: 0 };
const slowed: { readonly seed: number; readonly ratio: number }[] = [];

for (
  let seed = Number(values.seed);
  sums.histories < count && (count < Infinity || performance.now() < end);
  seed += 1
) {
  const steps = drawSteps(seed);
  const played = await playSteps(seed, steps, options);
  const alone = await playSteps(seed, steps, { ...options, isIdle: true });
  const found = violations(played);
  if (values.verbose) print(`neighbour: ${played.neighbour} ms, alone ${alone.neighbour} ms`);
  if (played.neighbour !== undefined && alone.neighbour !== undefined)
    slowed.push({ seed, ratio: played.neighbour / alone.neighbour });
  sums.histories += 1;
  sums.accepted += played.accepted;
  sums.refused += played.refused;
  sums.jobs += played.jobs;
  sums.asked += played.asked.length;
  sums.removals += played.removed.length;
  sums.violations += found.length;
  if (found.length === 0) continue;
  print(`seed ${seed}:`);
  for (const line of found) print(`  violation: ${line}`);
  for (const step of steps) print(`  ${JSON.stringify(step).slice(0, 1_000)}`);
}

const sorted = slowed.toSorted((a, b) => a.ratio - b.ratio);
const at = (part: number): string | undefined => sorted[Math.floor(part * sorted.length)]?.ratio.toFixed(2);
const slowest = sorted.at(-1);
print(
  `${sums.histories} histories: ${sums.accepted} manifests accepted, ${sums.refused} refused by the API server, ${sums.jobs} Jobs, ${sums.asked} questions to registries, ${sums.removals} images named by removals`,
);
print(
  `a neighbour's edit takes ${at(0.5)} × as long as beside an idle tenant, ${at(0.9)} × in one of ten, at most ${slowest?.ratio.toFixed(2)} × (seed ${slowest?.seed})`,
);
print(sums.violations === 0 ? 'no violation' : `${sums.violations} violations`);
process.exitCode = sums.violations === 0 ? 0 : 1;
