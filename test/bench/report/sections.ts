import {
  joinTable,
  manyComparison,
  manyRefreshTable,
  manyRequestTable,
  manyRoundTable,
  separateTable,
} from './many-sections.ts';
import type { BenchName, Machine, Results, Round, Spread } from '../results.ts';
import { costModel } from './cost-model.ts';
import { goalTable, kubeFledged } from './goals.ts';
import { formatted, table, type Columns } from './table.ts';

export type SectionName =
  | BenchName
  | 'many-separate'
  | 'many-compared'
  | 'many-requests'
  | 'many-refresh'
  | 'many-join'
  | 'machine'
  | 'goals'
  | 'model'
  | 'ratios'
  | 'writes';

/** All generated Markdown by name; '' where nothing was measured yet. */
export function sections(results: Results): Readonly<Record<SectionName, string>> {
  const rounds = results.rounds?.found;
  const ours = [...(rounds?.measured ?? []), ...(rounds?.check ?? [])].toSorted((a, b) => a.nodes - b.nodes);
  const baseline = results.baseline?.found ?? [];
  const coldStart = results['cold-start']?.found.text;
  return {
    machine: machineTable(results),
    goals: goalTable(results),
    rounds: table(ours, roundColumns),
    baseline: table(baseline, roundColumns),
    ratios: ratioTable(ours, baseline),
    writes: writesTable(ours, baseline),
    model: rounds === undefined ? '' : costModel(rounds),
    failing: failingSection(results),
    'new-node': newNodeSection(results),
    refresh: refreshTable(results),
    'source-lag': lagSection(results),
    'cold-start': coldStart === undefined ? '' : `\`\`\`text\n${coldStart.trim()}\n\`\`\``,
    'large-images': largeSection(results),
    'many-caches': manyRoundTable(results),
    'many-separate': separateTable(results),
    'many-compared': manyComparison(results),
    'many-requests': manyRequestTable(results),
    'many-refresh': manyRefreshTable(results),
    'many-join': joinTable(results),
    workloads: workloadTable(results),
  };
}

const size = ({ nodes, images }: { readonly nodes: number; readonly images: number }): string =>
  `${formatted(nodes)} × ${formatted(images)}`;

const roundColumns: Columns<Round> = {
  'nodes × images': size,
  ended: ({ ended }) => ended,
  Jobs: ({ jobs }) => jobs,
  's to all Jobs': ({ secondsToJobs }) => secondsToJobs,
  's to all done': ({ secondsToDone }) => secondsToDone,
  'API writes': ({ writes }) => writes.total,
  'per image and node': ({ writes, nodes, images }) => writes.total / nodes / images,
  'peak MB': ({ peakMegabytes }) => Math.round(peakMegabytes),
  'CPU s': ({ cpuSeconds }) => cpuSeconds,
  'MB read': ({ megabytesRead }) => megabytesRead,
};

/** Ours compared with the baseline of the same size, and with kube-fledged itself. */
function ratioTable(ours: readonly Round[], baseline: readonly Round[]): string {
  const others = [
    ...baseline.map((round) => ({ ...round, who: "by kube-fledged's rules", total: round.writes.total })),
    { ...kubeFledged, who: 'kube-fledged itself', total: kubeFledged.writes, secondsToDone: kubeFledged.seconds },
  ];
  const pairs = others.flatMap((other) => {
    const same = ours.find(({ nodes, images }) => nodes === other.nodes && images === other.images);
    return same === undefined ? [] : [{ other, same }];
  });
  return table(pairs, {
    'compared with': ({ other }) => `${size(other)}, ${other.who}`,
    writes: ({ other }) => other.total,
    'our writes': ({ same }) => same.writes.total,
    fewer: ({ other, same }) => `${formatted(other.total / same.writes.total)} ×`,
    seconds: ({ other }) => other.secondsToDone,
    'our seconds': ({ same }) => same.secondsToDone,
    faster: ({ other, same }) => `${formatted(other.secondsToDone / same.secondsToDone)} ×`,
  });
}

/** The writes by kind, the most frequent first. */
function writesTable(ours: readonly Round[], baseline: readonly Round[]): string {
  const rounds = [...ours, ...baseline];
  const kinds = [...new Set(rounds.flatMap(({ writes }) => Object.keys(writes.by)))];
  const most = (kind: string): number => Math.max(...rounds.map(({ writes }) => writes.by[kind] ?? 0));
  const columns = rounds.map(
    (round) =>
      [
        `${size(round)}${baseline.includes(round) ? ' (baseline)' : ''}`,
        (kind: string) => round.writes.by[kind] ?? 0,
      ] as const,
  );
  return table(
    kinds.toSorted((a, b) => most(b) - most(a)),
    { write: (kind) => kind, ...Object.fromEntries(columns) },
  );
}

function failingSection({ failing }: Results): string {
  if (failing === undefined) return '';
  const { round, listedFailures, omittedFailures, objectBytes } = failing.found;
  return `${table([round], roundColumns)}\n\nThe status lists ${formatted(listedFailures)} failures and counts ${formatted(omittedFailures)} more; the whole object has ${formatted(objectBytes)} bytes.`;
}

const spreadColumns = <T>(of: (row: T) => Spread): Columns<T> => ({
  'p50 ms': (row) => Math.round(of(row).p50),
  'p90 ms': (row) => Math.round(of(row).p90),
  'p99 ms': (row) => Math.round(of(row).p99),
  'max ms': (row) => Math.round(of(row).max),
});

function newNodeSection(results: Results): string {
  const found = results['new-node']?.found;
  if (found === undefined) return '';
  const rows = table(found.series, {
    'nodes that join': ({ name }) => name,
    nodes: ({ latency }) => latency.count,
    ...spreadColumns(({ latency }) => latency),
  });
  return `${rows}\n\nA cache of ${found.images} images, beside ${found.nodes} nodes that have them.`;
}

const refreshTable = ({ refresh }: Results): string =>
  table(refresh?.found ?? [], {
    'refresh of': ({ name }) => name,
    'nodes × images': size,
    Jobs: ({ jobs }) => jobs,
    'API writes': ({ writes }) => writes.total,
    'of the status': ({ writes }) => writes.by['PATCH imagecaches/status'] ?? 0,
    Events: ({ writes }) => writes.by['POST events'] ?? 0,
    'registry requests': ({ registryRequests }) => registryRequests,
    seconds: ({ seconds }) => seconds,
  });

function lagSection(results: Results): string {
  const found = results['source-lag']?.found ?? [];
  const [first] = found;
  if (first === undefined) return '';
  const rows = table(found, {
    source: ({ name }) => name,
    ...spreadColumns(({ lag }) => lag),
    events: ({ events }) => events,
    'not reported': ({ unreported }) => unreported,
    'of one core': ({ cpuSeconds, seconds }) => `${formatted((cpuSeconds / seconds) * 100)} %`,
    'peak MB': ({ peakMegabytes }) => Math.round(peakMegabytes),
  });
  return `${rows}\n\n${formatted(first.nodes)} nodes, ${formatted(first.jobs)} Jobs of ${formatted(first.caches)} caches, ${formatted(first.writes)} Jobs deleted and as many created, ${formatted(first.writesPerSecond)} writes a second.`;
}

function largeSection(results: Results): string {
  const found = results['large-images']?.found ?? [];
  const [first] = found;
  if (first === undefined) return '';
  const rows = table(found, {
    program: ({ name }) => name,
    'the kubelet pulls': ({ serializeImagePulls }) => (serializeImagePulls ? 'one by one' : 'in parallel'),
    Jobs: ({ jobs }) => jobs,
    's to all pulled': ({ secondsToPulled }) => secondsToPulled,
    's to all done': ({ secondsToDone }) => secondsToDone,
    'API writes': ({ writes }) => writes.total,
    'processors busy': ({ busyPercent }) => `${busyPercent} %`,
    'waiting for disk': ({ diskWaitPercent }) => `${diskWaitPercent} %`,
  });
  const rate = first.rate === '' ? 'The network is not limited' : `Each node's network is limited to ${first.rate}`;
  return `${rows}\n\n${first.images} images of ${first.megabytes} MB on ${first.nodes} real nodes. ${rate}.`;
}

function workloadTable({ workloads }: Results): string {
  if (workloads === undefined) return '';
  const { caches, nodes, workloads: count, images, phases, load } = workloads.found;
  const rows = table(phases, {
    phase: ({ name }) => name,
    rounds: (phase) => phase.rounds,
    Jobs: ({ jobs }) => jobs,
    'our writes': ({ writes }) => writes,
    'our reads': ({ reads }) => reads,
    'pages of workloads': ({ workloadReads }) => workloadReads,
    'MB read': ({ megabytesRead }) => megabytesRead,
    's to all done': ({ seconds }) => seconds,
    'CPU s': ({ cpuSeconds }) => cpuSeconds,
    'resident MB': ({ residentMegabytes }) => Math.round(residentMegabytes),
    'charged MB': ({ chargedMegabytes }) => Math.round(chargedMegabytes),
  });
  return `${rows}\n\n${formatted(nodes)} nodes in ${formatted(caches)} pools, ${formatted(count)} workloads with ${formatted(images)} images, ${formatted(caches)} caches, one for each pool. Load average at the end: ${formatted(load)}.`;
}

function machineTable(results: Results): string {
  const entries = Object.entries(results).flatMap(([bench, entry]) =>
    entry === undefined ? [] : [{ bench, ...entry }],
  );
  const of = (field: keyof Machine) => (entry: { readonly machine: Machine }) => String(entry.machine[field]);
  return table(entries, {
    bench: ({ bench }) => bench,
    date: ({ date }) => date.slice(0, 16).replace('T', ' '),
    'load before': ({ loadBefore }) => loadBefore,
    'took s': ({ seconds }) => Math.round(seconds),
    ...{ processor: of('processor'), cores: of('cores'), GB: of('gigabytes'), Linux: of('kernel') },
    ...{ Node: of('node'), Kubernetes: of('kubernetes'), commit: of('commit') },
  });
}
