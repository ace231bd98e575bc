import type { Results, Spread } from '../results.ts';
import { table, told } from './table.ts';

const spreadHead = ['p50 ms', 'p90 ms', 'p99 ms', 'max ms'];
const spreadCells = ({ p50, p90, p99, max }: Spread): readonly string[] =>
  [p50, p90, p99, max].map((ms) => told(Math.round(ms)));

export function newNodeSection(results: Results): string {
  const bench = results['new-node'];
  if (bench === undefined) return '';
  const { nodes, images, series } = bench.found;
  const rows = series.map(({ name, latency }) => [name, told(latency.count), ...spreadCells(latency)]);
  return `${table(['nodes that join', 'nodes', ...spreadHead], rows)}\n\nA cache of ${images} images, beside ${nodes} nodes that have them.`;
}

export function refreshSection({ refresh }: Results): string {
  if (refresh === undefined) return '';
  return table(
    ['refresh of', 'nodes × images', 'Jobs', 'API writes', 'of the status', 'Events', 'registry requests', 'seconds'],
    refresh.found.map(({ name, nodes, images, jobs, writes, registryRequests, seconds }) => [
      ...[name, `${told(nodes)} × ${told(images)}`, told(jobs), told(writes.total)],
      ...[told(writes.by['PATCH imagecaches/status'] ?? 0), told(writes.by['POST events'] ?? 0)],
      ...[told(registryRequests), told(seconds)],
    ]),
  );
}

export function lagSection(results: Results): string {
  const bench = results['source-lag'];
  const [first] = bench?.found ?? [];
  if (bench === undefined || first === undefined) return '';
  const rows = bench.found.map((each) => [
    each.name,
    ...spreadCells(each.lag),
    told(each.events),
    told(each.untold),
    `${told((each.cpuSeconds / each.seconds) * 100)} %`,
    told(Math.round(each.peakMegabytes)),
  ]);
  const around = `${told(first.nodes)} nodes, ${told(first.jobs)} Jobs of ${told(first.caches)} caches, ${told(first.writes)} Jobs deleted and as many made, ${told(first.writesPerSecond)} writes a second.`;
  return `${table(['source', ...spreadHead, 'events', 'untold', 'of one core', 'peak MB'], rows)}\n\n${around}`;
}

export function largeSection(results: Results): string {
  const bench = results['large-images'];
  const [first] = bench?.found ?? [];
  if (bench === undefined || first === undefined) return '';
  const rows = bench.found.map((each) => [
    each.name,
    each.serializeImagePulls ? 'one by one' : 'at once',
    told(each.jobs),
    told(each.secondsToPulled),
    told(each.secondsToDone),
    told(each.writes.total),
    `${each.busyPercent} %`,
    `${each.diskWaitPercent} %`,
  ]);
  const rate = first.rate === '' ? 'Nothing holds the network back' : `Each node's network is held to ${first.rate}`;
  const head = [
    'who',
    'the kubelet pulls',
    'Jobs',
    's to all pulled',
    's to all done',
    'API writes',
    'processors busy',
    'waiting for disk',
  ];
  return `${table(head, rows)}\n\n${first.images} images of ${first.megabytes} MB on ${first.nodes} real nodes. ${rate}.`;
}
