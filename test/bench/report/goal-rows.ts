import type { Results } from '../results.ts';
import { goals, kubeFledged } from './known.ts';
import { table, told } from './table.ts';

type Goal = { readonly what: string; readonly goal: string; readonly found: string; readonly isMet: boolean };

/** Each goal with its number; those that were not measured yet are left out. */
export function goalRows(results: Results): string {
  const found = [...againstKubeFledged(results), ...atScale(results), ...newNode(results), ...refresh(results)];
  if (found.length === 0) return '';
  return table(
    ['goal', 'at', 'measured', 'met'],
    found.map(({ what, goal, found: measured, isMet }) => [what, goal, measured, isMet ? 'yes' : 'no']),
  );
}

const ourRound = (results: Results, nodes: number, images: number) =>
  results.rounds?.found.measured.find((round) => round.nodes === nodes && round.images === images);

function againstKubeFledged(results: Results): readonly Goal[] {
  const ours = ourRound(results, kubeFledged.nodes, kubeFledged.images);
  if (ours === undefined) return [];
  const fewer = kubeFledged.writes / ours.writes.total;
  const sooner = kubeFledged.seconds / ours.secondsToDone;
  return [
    {
      what: '100 × 20: fewer API writes than kube-fledged',
      goal: `≥ ${goals.fewerWrites} ×`,
      found: `${told(fewer)} ×`,
      isMet: fewer >= goals.fewerWrites,
    },
    {
      what: '100 × 20: sooner than kube-fledged',
      goal: `≥ ${goals.sooner} ×`,
      found: `${told(sooner)} ×`,
      isMet: sooner >= goals.sooner,
    },
  ];
}

function atScale(results: Results): readonly Goal[] {
  const large = ourRound(results, 5000, 50);
  if (large === undefined) return [];
  const { ended, jobs, peakMegabytes } = large;
  return [
    {
      what: '5,000 × 50: Jobs',
      goal: `≤ ${told(goals.largeJobs)}`,
      found: `${told(jobs)}, ${ended}`,
      isMet: ended === 'Succeeded' && jobs <= goals.largeJobs,
    },
    {
      what: '5,000 × 50: peak memory',
      goal: `≤ ${goals.largeMegabytes} MB`,
      found: `${told(Math.round(peakMegabytes))} MB`,
      isMet: peakMegabytes <= goals.largeMegabytes,
    },
  ];
}

function newNode(results: Results): readonly Goal[] {
  return (results['new-node']?.found.series ?? []).map(({ name, latency }) => ({
    what: `a node that joins (${name}): Ready to its Job, p99`,
    goal: `< ${told(goals.newNodeMilliseconds)} ms`,
    found: `${told(Math.round(latency.p99))} ms`,
    isMet: latency.p99 < goals.newNodeMilliseconds,
  }));
}

const refresh = (results: Results): readonly Goal[] =>
  (results.refresh?.found ?? []).map(({ name, jobs }) => ({
    what: `a refresh that finds nothing changed, ${name}: Jobs`,
    goal: String(goals.refreshJobs),
    found: told(jobs),
    isMet: jobs === goals.refreshJobs,
  }));
