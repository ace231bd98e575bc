import { loadavg } from 'node:os';
import { join } from 'node:path';
import { functionNames } from '#model/cache/cloud-event.ts';
import { emptyCluster } from '../../deploy/tools/images/compile-cache.ts';
import { unpackedImage } from './unpacked-image.ts';
import { startedOnce, type Program, type StartCost } from './started-once.ts';

/** The goal for a start on an idle core: milliseconds, MB. */
const goal: StartCost = { wall: 120, cpu: 120, rss: 80 };

const root = join(import.meta.dirname, '../..');

/**
 * The cost of starting each function: from the start of the process to the first event answered, with one request to the API server, as the
 * image starts it and from the sources. The API server is an empty one on loopback, over HTTP without TLS.
 */
export async function coldStart(runs: number): Promise<string> {
  const api = await emptyCluster();
  const image = await unpackedImage();
  try {
    const rows: Row[] = [];
    for (const name of functionNames) {
      const bundled = { ...image, args: ['main.mjs', `--master=${api.url}`], env: { ...image.env, FUNCTION: name } };
      await startedOnce(bundled);
      rows.push({ name, costs: await repeated(bundled, runs) });
    }
    const unbundled: Program = {
      node: image.node,
      cwd: root,
      args: ['functions/main.ts', `--master=${api.url}`],
      env: { NODE_OPTIONS: image.env['NODE_OPTIONS'] ?? '', FUNCTION: 'reconcile' },
    };
    rows.push({ name: 'reconcile, from sources', costs: await repeated(unbundled, Math.ceil(runs / 3)) });
    return formatted(rows);
  } finally {
    api.server.close();
    await image.remove();
  }
}

type Row = { readonly name: string; readonly costs: readonly StartCost[] };

async function repeated(program: Program, runs: number): Promise<readonly StartCost[]> {
  const costs: StartCost[] = [];
  for (let run = 0; run < runs; run += 1) costs.push(await startedOnce(program));
  return costs;
}

const measures = ['wall', 'cpu', 'rss'] as const;
type Measure = (typeof measures)[number];

const sorted = ({ costs }: Row, measure: Measure): readonly number[] =>
  costs.map((cost) => cost[measure]).toSorted((a, b) => a - b);
const median = (row: Row, measure: Measure): number => sorted(row, measure)[row.costs.length >> 1] ?? Number.NaN;
const worst = (row: Row, measure: Measure): number => sorted(row, measure).at(-1) ?? Number.NaN;

function formatted(rows: readonly Row[]): string {
  const cells = (row: Row): string[] =>
    measures.map((measure) => `${median(row, measure).toFixed(0)} / ${worst(row, measure).toFixed(0)}`);
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return '';
  const ratios = measures.map((measure) => `${(median(last, measure) / median(first, measure)).toFixed(1)} ×`);
  const missed = rows
    .slice(0, -1)
    .flatMap((row) =>
      measures.filter((measure) => median(row, measure) > goal[measure]).map((m) => `${row.name} ${m}`),
    );
  const lines = [
    ['', 'wall ms', 'CPU ms', 'RSS MB'],
    ...rows.map((row) => [`${row.name} (${row.costs.length} runs)`, ...cells(row)]),
    ['sources / image', ...ratios],
    ['goal on an idle core', ...measures.map((measure) => `≤ ${goal[measure]}`)],
  ].map(([name = '', ...rest]) => `${name.padEnd(34)}${rest.map((cell) => cell.padStart(14)).join('')}`);
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return [
    ...lines,
    '',
    `median / worst; load average ${load}: above 1 the times are longer than the work`,
    missed.length === 0 ? 'every median is within the goal' : `above the goal: ${missed.join(', ')}`,
    '',
  ].join('\n');
}
