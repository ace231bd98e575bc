import type { BenchName, Results, Round } from '../results.ts';
import { goalRows } from './goal-rows.ts';
import { kubeFledged } from './known.ts';
import { modelSection } from './model-section.ts';
import { plots } from './plots.ts';
import { largeSection, lagSection, newNodeSection, refreshSection } from './more-sections.ts';
import { table, times, told } from './table.ts';

export type SectionName = BenchName | 'machine' | 'goals' | 'plots' | 'model' | 'ratios' | 'writes';

/** Everything that is generated, as Markdown, by name; '' where nothing was measured yet. */
export function sections(results: Results): Readonly<Record<SectionName, string>> {
  const rounds = results.rounds?.found;
  const ours = [...(rounds?.measured ?? []), ...(rounds?.check ?? [])].toSorted((a, b) => a.nodes - b.nodes);
  const baseline = results.baseline?.found ?? [];
  return {
    machine: machineSection(results),
    goals: goalRows(results),
    plots: plotLinks(results),
    rounds: ours.length === 0 ? '' : roundTable(ours),
    baseline: baseline.length === 0 ? '' : roundTable(baseline),
    ratios: ratioTable(ours, baseline),
    writes: writesTable([...ours, ...baseline], ours.length),
    model: modelSection(rounds),
    failing: failingSection(results),
    'new-node': newNodeSection(results),
    refresh: refreshSection(results),
    'source-lag': lagSection(results),
    'cold-start':
      results['cold-start'] === undefined ? '' : `\`\`\`text\n${results['cold-start'].found.text.trim()}\n\`\`\``,
    'large-images': largeSection(results),
  };
}

const size = ({ nodes, images }: { readonly nodes: number; readonly images: number }): string =>
  `${told(nodes)} × ${told(images)}`;

function roundTable(rounds: readonly Round[]): string {
  return table(
    [
      'nodes × images',
      'ended',
      'Jobs',
      's to all Jobs',
      's to all done',
      'API writes',
      'per image and node',
      'peak MB',
      'CPU s',
      'MB read',
    ],
    rounds.map((round) => [
      size(round),
      round.ended,
      told(round.jobs),
      told(round.secondsToJobs),
      told(round.secondsToDone),
      told(round.writes.total),
      told(round.writes.total / round.nodes / round.images),
      told(Math.round(round.peakMegabytes)),
      told(round.cpuSeconds),
      told(round.megabytesRead),
    ]),
  );
}

/** Ours against the baseline of the same size, and against kube-fledged itself. */
function ratioTable(ours: readonly Round[], baseline: readonly Round[]): string {
  const known = { ...kubeFledged, writes: { total: kubeFledged.writes }, secondsToDone: kubeFledged.seconds };
  const others = [
    ...baseline.map((round) => ({ ...round, who: 'works as kube-fledged does' })),
    { ...known, who: 'kube-fledged itself' },
  ];
  const rows = others.flatMap((other) => {
    const same = ours.find(({ nodes, images }) => nodes === other.nodes && images === other.images);
    if (same === undefined) return [];
    return [
      [
        `${size(other)}, ${other.who}`,
        told(other.writes.total),
        told(same.writes.total),
        times(other.writes.total / same.writes.total),
        told(other.secondsToDone),
        told(same.secondsToDone),
        times(other.secondsToDone / same.secondsToDone),
      ],
    ];
  });
  return rows.length === 0 ? '' : table(['against', 'writes', 'ours', 'fewer', 'seconds', 'ours', 'sooner'], rows);
}

/** What the writes are, the most frequent first. */
function writesTable(rounds: readonly Round[], own: number): string {
  if (rounds.length === 0) return '';
  const most = new Map<string, number>();
  for (const { writes } of rounds)
    for (const [what, count] of Object.entries(writes.by)) most.set(what, Math.max(count, most.get(what) ?? 0));
  const kinds = [...most].toSorted(([, a], [, b]) => b - a).map(([what]) => what);
  return table(
    ['write', ...rounds.map((round, index) => `${size(round)}${index < own ? '' : ' (baseline)'}`)],
    kinds.map((what) => [what, ...rounds.map(({ writes }) => told(writes.by[what] ?? 0))]),
  );
}

function failingSection({ failing }: Results): string {
  if (failing === undefined) return '';
  const { round, toldFailures, omittedFailures, objectBytes } = failing.found;
  return `${roundTable([round])}\n\n${told(toldFailures)} failures are told in the status and ${told(omittedFailures)} counted; the whole object has ${told(objectBytes)} bytes.`;
}

function machineSection(results: Results): string {
  const entries = Object.entries(results).flatMap(([name, entry]) =>
    entry === undefined ? [] : [[name, entry] as const],
  );
  if (entries.length === 0) return '';
  return table(
    ['bench', 'date', 'load before', 'took s', 'processor', 'cores', 'GB', 'Linux', 'Node', 'Kubernetes', 'commit'],
    entries.map(([name, { date, loadBefore, seconds, machine }]) => [
      ...[name, date.slice(0, 16).replace('T', ' '), told(loadBefore), told(Math.round(seconds))],
      ...[
        machine.processor,
        String(machine.cores),
        String(machine.gigabytes),
        machine.kernel,
        machine.node,
        machine.kubernetes,
        machine.commit,
      ],
    ]),
  );
}

/** The plots that the README shows, as seen from there. */
function plotLinks(results: Results): string {
  const shown = [
    ['writes.svg', 'API writes of a round against nodes × images'],
    ['time.svg', 'Time of a round against nodes × images'],
    ['memory.svg', 'Memory against nodes'],
  ] as const;
  const there = plots(results);
  return shown.flatMap(([file, text]) => (there.has(file) ? [`![${text}](docs/benchmarks/${file})`] : [])).join('\n');
}
