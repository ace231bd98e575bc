import type { ManyRound, Results } from '../results.ts';
import { formatted, table } from './table.ts';

/** kube-fledged itself (master, 2023-10) at 100 × 20 on simulated nodes of this lab, measured once with the same counters. */
export const kubeFledged = { nodes: 100, images: 20, seconds: 798, writes: 28_112 } as const;

export const goals = {
  fewerWrites: 20,
  faster: 80,
  largeJobs: 10_000,
  largeMegabytes: 256,
  newNodeMilliseconds: 1_000,
  refreshJobs: 0,
  manyMegabytes: 200,
  manyRefreshWrites: 1,
  manyRefreshSeconds: 5,
} as const;

type Goal = { readonly what: string; readonly limit: string; readonly measured: string; readonly isMet: boolean };

const atLeast = (what: string, limit: number, ratio: number): Goal => ({
  ...{ what, limit: `≥ ${formatted(limit)} ×`, measured: `${formatted(ratio)} ×`, isMet: ratio >= limit },
});

type Value = { readonly value: number; readonly unit?: string };
const atMost = (what: string, limit: number, { value, unit = '' }: Value): Goal => ({
  ...{ what, limit: `≤ ${formatted(limit)}${unit}`, measured: `${formatted(value)}${unit}`, isMet: value <= limit },
});

/** Each goal with what was measured; those that were not measured yet are left out. */
export function goalTable(results: Results): string {
  return table([...roundGoals(results), ...newNodeGoals(results), ...refreshGoals(results), ...manyGoals(results)], {
    goal: ({ what }) => what,
    limit: ({ limit }) => limit,
    measured: ({ measured }) => measured,
    met: ({ isMet }) => (isMet ? 'yes' : 'no'),
  });
}

function roundGoals({ rounds }: Results): readonly Goal[] {
  const round = (nodes: number, images: number) =>
    rounds?.found.measured.find((each) => each.nodes === nodes && each.images === images && each.ended === 'Succeeded');
  const [compared, large] = [round(kubeFledged.nodes, kubeFledged.images), round(5000, 50)];
  return [
    ...(compared === undefined
      ? []
      : [
          atLeast(
            '100 × 20: fewer API writes than kube-fledged',
            goals.fewerWrites,
            kubeFledged.writes / compared.writes.total,
          ),
          atLeast('100 × 20: faster than kube-fledged', goals.faster, kubeFledged.seconds / compared.secondsToDone),
        ]),
    ...(large === undefined
      ? []
      : [
          atMost('5,000 × 50: Jobs', goals.largeJobs, { value: large.jobs }),
          atMost('5,000 × 50: peak memory', goals.largeMegabytes, { value: large.peakMegabytes, unit: ' MB' }),
        ]),
  ];
}

const newNodeGoals = (results: Results): readonly Goal[] =>
  (results['new-node']?.found.series ?? []).map(({ name, latency }) =>
    atMost(`a node that joins (${name}): Ready to its Job, p99`, goals.newNodeMilliseconds, {
      value: latency.p99,
      unit: ' ms',
    }),
  );

const refreshGoals = ({ refresh }: Results): readonly Goal[] =>
  (refresh?.found ?? []).map(({ name, jobs }) =>
    atMost(`a refresh that finds nothing changed, ${name}: Jobs`, goals.refreshJobs, { value: jobs }),
  );

function manyGoals(results: Results): readonly Goal[] {
  const found = results['many-caches']?.found;
  if (found === undefined) return [];
  const { rounds, refresh } = found;
  const what = `${formatted(refresh.caches)} caches refreshed in one minute, nothing changed:`;
  return [
    ...rounds.map((round) =>
      atMost(`${manySize(round)}: memory that its container is charged`, goals.manyMegabytes, {
        value: Math.round(round.chargedMegabytes),
        unit: ' MB',
      }),
    ),
    atMost(`${what} Jobs`, goals.refreshJobs, { value: refresh.jobs }),
    atMost(`${what} writes of each`, goals.manyRefreshWrites, { value: refresh.writes / refresh.caches }),
    atMost(`${what} processor time`, goals.manyRefreshSeconds, { value: refresh.cpuSeconds, unit: ' s' }),
  ];
}

/** The size of a round of many caches as text. */
export const manySize = ({ caches, nodes, images, idle }: ManyRound): string =>
  `${formatted(caches)} × ${formatted(nodes)} × ${formatted(images)}${idle === 0 ? '' : ` beside ${idle} idle`}`;
