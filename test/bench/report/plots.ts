import type { Results, Round } from '../results.ts';
import { chart, type Series } from './chart.ts';
import { costModels, fittedModel, predictedBy } from './cost-model.ts';
import { goals, kubeFledged } from './known.ts';

/** Every plot that the results allow, by file name. */
export function plots(results: Results): ReadonlyMap<string, string> {
  const rounds = results.rounds?.found;
  const all = new Map<string, string>();
  if (rounds !== undefined && rounds.measured.length > 1) {
    const ours = [...rounds.measured, ...rounds.check];
    const baseline = results.baseline?.found ?? [];
    all.set(
      'writes.svg',
      against({
        ours,
        fitTo: rounds.measured,
        baseline,
        model: 0,
        title: 'API writes of a round, by all parties',
        name: 'writes',
        known: kubeFledged.writes,
      }),
    );
    all.set(
      'time.svg',
      against({
        ours,
        fitTo: rounds.measured,
        baseline,
        model: 1,
        title: 'Time until every image is on every node, and the status says so',
        name: 'seconds',
        known: kubeFledged.seconds,
      }),
    );
    all.set('memory.svg', memory(ours));
  }
  if (results['new-node'] !== undefined) {
    const series = results['new-node'].found.series.map(({ name, sorted }, colour) =>
      distribution(name, sorted, colour),
    );
    all.set('new-node.svg', latencies('From a node being Ready to its Job', series));
  }
  if (results['source-lag'] !== undefined) {
    const series = results['source-lag'].found.map(({ name, sorted }, colour) => distribution(name, sorted, colour));
    all.set('source-lag.svg', latencies('From a write to the event that tells of it', series));
  }
  return all;
}

type Against = {
  readonly ours: readonly Round[];
  readonly fitTo: readonly Round[];
  readonly baseline: readonly Round[];
  /** Which of the models; it says too what is plotted. */
  readonly model: number;
  readonly title: string;
  readonly name: string;
  /** What kube-fledged itself took. */
  readonly known: number;
};

const pulls = ({ nodes, images }: { readonly nodes: number; readonly images: number }): number => nodes * images;
const bySize = (a: { readonly nodes: number; readonly images: number }, b: typeof a): number => pulls(a) - pulls(b);

function against({ ours, fitTo, baseline, model: index, title, name, known }: Against): string {
  const model = costModels[index];
  if (model === undefined) throw new Error(`there is no model ${index}`);
  const fitted = fittedModel(model, fitTo);
  const at = (round: Round): [number, number] => [pulls(round), model.value(round)];
  const series: Series[] = [
    { name: 'imagecache-functions', as: 'points', colour: 0, points: ours.map(at) },
    ...(baseline.length === 0
      ? []
      : [{ name: 'works as kube-fledged does', as: 'points' as const, colour: 1, points: baseline.map(at) }]),
    { name: 'kube-fledged itself', as: 'points', colour: 4, points: [[pulls(kubeFledged), known]] },
    ...(fitted === undefined
      ? []
      : [
          {
            name: 'our model',
            as: 'dashes' as const,
            colour: 0,
            points: ours.toSorted(bySize).map((round): [number, number] => [pulls(round), predictedBy(fitted, round)]),
          },
        ]),
  ];
  return chart({ title, x: { name: 'nodes × images', kind: 'log' }, y: { name, kind: 'log' }, series });
}

function memory(ours: readonly Round[]): string {
  const nodes = ours.map((round) => round.nodes);
  const series: Series[] = [
    {
      name: 'peak of our one process',
      as: 'points',
      colour: 0,
      points: ours.map((round) => [round.nodes, round.peakMegabytes]),
    },
    {
      name: 'goal',
      as: 'dashes',
      colour: 2,
      points: [
        [Math.min(...nodes), goals.largeMegabytes],
        [Math.max(...nodes), goals.largeMegabytes],
      ],
    },
  ];
  return chart({ title: 'Memory', x: { name: 'nodes', kind: 'log' }, y: { name: 'MB', kind: 'linear' }, series });
}

/** Which part of the trials took no longer than so many milliseconds. */
const distribution = (name: string, sorted: readonly number[], colour: number): Series => ({
  name,
  as: 'line',
  colour,
  points: sorted.map((value, index): [number, number] => [value, ((index + 1) / sorted.length) * 100]),
});

const latencies = (title: string, series: readonly Series[]): string =>
  chart({
    title,
    x: { name: 'milliseconds', kind: 'linear' },
    y: { name: '% at most so long', kind: 'linear' },
    series,
  });
