import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { ManyRound, Results, Round } from '../results.ts';
import { at, costs, lineOf, pulls, type Cost } from './cost-model.ts';
import { goals, kubeFledged, manySize } from './goals.ts';

type Point = { readonly x: number; readonly y: number; readonly series: string };

type Plot = {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Whether an axis is logarithmic. */
  readonly log: { readonly x: boolean; readonly y: boolean };
  readonly points?: readonly Point[];
  readonly lines?: readonly Point[];
  readonly dashes?: readonly Point[];
};

/** Legible on white and on black alike. */
const colours = ['#2f81f7', '#d9822b', '#3fa45b', '#a371f7', '#c9485b'];
/** The texts follow the reader's colour scheme. */
const style = `<style>text{fill:#57606a}@media(prefers-color-scheme:dark){text{fill:#b1bac4}}</style>`;

/** A plot as an SVG without a background. */
export async function svg(plot: Plot): Promise<string> {
  const picture = await new View(parse(compile(specOf(plot)).spec), { renderer: 'none' }).toSVG();
  return `${picture.replace(/^<svg [^>]*>/, (tag) => `${tag.slice(0, -1)} role="img" aria-label="${plot.title}">${style}`)}\n`;
}

function specOf({ title, x, y, log, points = [], lines = [], dashes = [] }: Plot): TopLevelSpec {
  const series = [...new Set([...points, ...lines, ...dashes].map((point) => point.series))];
  const axis = (field: 'x' | 'y', name: string) => ({
    field,
    type: 'quantitative' as const,
    title: name,
    scale: log[field] ? { type: 'log' as const, nice: true } : { zero: true, nice: true },
    axis: { tickCount: log[field] ? 3 : 5, format: ',.0f' },
  });
  return {
    title,
    width: 520,
    height: 250,
    background: 'transparent',
    encoding: {
      x: axis('x', x),
      y: axis('y', y),
      color: {
        field: 'series',
        type: 'nominal',
        scale: { domain: series, range: colours },
        legend: { title: null, orient: 'bottom', columns: 2 },
      },
    },
    layer: [
      { data: { values: [...dashes] }, mark: { type: 'line', strokeDash: [5, 4] } },
      { data: { values: [...lines] }, mark: 'line' },
      { data: { values: [...points] }, mark: { type: 'point', filled: true, size: 80, opacity: 1 } },
    ],
    config: {
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: {
        gridColor: '#8c959f',
        gridOpacity: 0.35,
        domain: false,
        ticks: false,
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 'normal',
      },
      title: { anchor: 'start', fontSize: 15 },
      legend: { labelFontSize: 12, labelLimit: 0, symbolType: 'circle' },
    },
  };
}

/** Every plot that the results allow, by file name. */
export async function plots(results: Results): Promise<ReadonlyMap<string, string>> {
  const { rounds, baseline } = results;
  const all: [string, Plot][] = [];
  if (rounds !== undefined && rounds.found.measured.length > 1) {
    const { measured, check } = rounds.found;
    const compare = (cost: Cost, known: number): Pick<Plot, 'x' | 'log' | 'points' | 'dashes'> => ({
      ...{ x: pulls.name, log: { x: true, y: true } },
      ...comparison({ cost, known, measured, check, baseline: baseline?.found ?? [] }),
    });
    all.push(
      [
        'writes.svg',
        { title: 'API writes of a round, by all clients', y: 'writes', ...compare(costs.writes, kubeFledged.writes) },
      ],
      [
        'time.svg',
        { title: 'Time until all images are on all nodes', y: 'seconds', ...compare(costs.time, kubeFledged.seconds) },
      ],
      ['memory.svg', memory([...measured, ...check])],
    );
  }
  const many = results['many-caches']?.found.rounds ?? [];
  if (many.length > 0) all.push(['many-memory.svg', memoryOverTime(many)]);
  const [joined, lag] = [results['new-node']?.found.series, results['source-lag']?.found];
  if (joined !== undefined) all.push(['new-node.svg', latencies('From a node being Ready to its Job', joined)]);
  if (lag !== undefined) all.push(['source-lag.svg', latencies('From a write to the event that reports it', lag)]);
  return new Map(await Promise.all(all.map(async ([name, plot]) => [name, await svg(plot)] as const)));
}

type Comparison = {
  readonly cost: Cost;
  /** What kube-fledged itself took. */
  readonly known: number;
  readonly measured: readonly Round[];
  readonly check: readonly Round[];
  readonly baseline: readonly Round[];
};

function comparison({ cost, known, measured, check, baseline }: Comparison): Pick<Plot, 'points' | 'dashes'> {
  const line = lineOf(cost, measured);
  const ours = [...measured, ...check].toSorted((a, b) => pulls.of(a) - pulls.of(b));
  const pointsOf = (series: string, rounds: readonly Round[], y = cost.of): readonly Point[] =>
    rounds.map((round) => ({ x: pulls.of(round), y: y(round), series }));
  return {
    points: [
      ...pointsOf('imagecache-functions', ours),
      ...pointsOf("by kube-fledged's rules", baseline),
      { x: pulls.of(kubeFledged), y: known, series: 'kube-fledged itself' },
    ],
    dashes: line === undefined ? [] : pointsOf('our model', ours, (round) => at(line, cost.driver.of(round))),
  };
}

function memory(ours: readonly Round[]): Plot {
  const nodes = ours.map((round) => round.nodes);
  return {
    ...{ title: 'Memory', x: 'nodes', y: 'MB', log: { x: true, y: false } },
    points: ours.map((round) => ({ x: round.nodes, y: round.peakMegabytes, series: 'peak of our one process' })),
    dashes: [Math.min(...nodes), Math.max(...nodes)].map((x) => ({ x, y: goals.largeMegabytes, series: 'goal' })),
  };
}

/** The kernel's counter of each round of many caches, and resident memory where there is none. */
const memoryOverTime = (rounds: readonly ManyRound[]): Plot => ({
  ...{ title: 'Memory while many caches are pulled', x: 'seconds', y: 'MB', log: { x: false, y: false } },
  lines: rounds.flatMap((round) =>
    round.memory.map(([x = 0, resident = 0, charged = 0]) => ({
      ...{ x, y: charged === 0 ? resident : charged },
      series: manySize(round),
    })),
  ),
  dashes: [0, Math.max(...rounds.flatMap(({ memory }) => memory.map(([x = 0]) => x)))].map((x) => ({
    ...{ x, y: goals.manyMegabytes, series: 'goal' },
  })),
});

/** The share of trials that took at most so long. */
const latencies = (
  title: string,
  series: readonly { readonly name: string; readonly sorted: readonly number[] }[],
): Plot => ({
  ...{ title, x: 'milliseconds', y: '% of trials', log: { x: false, y: false } },
  lines: series.flatMap(({ name, sorted }) =>
    sorted.map((x, index) => ({ x, y: ((index + 1) / sorted.length) * 100, series: name })),
  ),
});
