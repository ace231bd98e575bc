import type { ManyRound, ManySeparate, Results } from '../results.ts';
import { manySize } from './goals.ts';
import { formatted, table, type Columns } from './table.ts';

const columns: Columns<ManyRound> = {
  'caches × nodes × images': manySize,
  succeeded: ({ succeeded }) => succeeded,
  Jobs: ({ jobs }) => jobs,
  's to first Job': ({ secondsToFirstJob }) => secondsToFirstJob,
  's to all Jobs': ({ secondsToJobs }) => secondsToJobs,
  's to all done': ({ secondsToDone }) => secondsToDone,
  'our writes': ({ writes }) => writes,
  'our reads': ({ reads }) => reads,
  'MB read': ({ megabytesRead }) => megabytesRead,
  'resident MB': ({ residentMegabytes }) => Math.round(residentMegabytes),
  'charged MB': ({ chargedMegabytes }) => Math.round(chargedMegabytes),
  'CPU s': ({ cpuSeconds }) => cpuSeconds,
  'load before': ({ load }) => load,
};

/** Rounds of many caches that were applied together. */
export const manyRoundTable = (results: Results): string => table(results['many-caches']?.found.rounds ?? [], columns);

/** One size by kube-fledged's rules and by ours. */
export function manyComparison(results: Results): string {
  const compared = results['many-caches']?.found.compared;
  if (compared === undefined) return '';
  const rows = [
    { who: "by kube-fledged's rules", ...compared.baseline },
    { who: 'imagecache-functions', ...compared.ours },
  ];
  return table(rows, {
    program: ({ who }) => who,
    'caches × nodes × images': manySize,
    Jobs: ({ jobs }) => jobs,
    's to first Job': ({ secondsToFirstJob }) => secondsToFirstJob,
    's to all done': ({ secondsToDone }) => secondsToDone,
    'its writes': ({ writes }) => writes,
    'its reads': ({ reads }) => reads,
  });
}

/** One size where each function and the source is a process of its own. */
export function separateTable(results: Results): string {
  const separate = results['many-caches']?.found.separate;
  return table(separate === undefined ? [] : [separate], {
    'caches × nodes × images': manySize,
    succeeded: ({ succeeded }) => succeeded,
    Jobs: ({ jobs }) => jobs,
    's to first Job': ({ secondsToFirstJob }) => secondsToFirstJob,
    's to all done': ({ secondsToDone }) => secondsToDone,
    'our writes': ({ writes }) => writes,
    'our reads': ({ reads }) => reads,
    'CPU s': ({ cpuSeconds }) => cpuSeconds,
    ...Object.fromEntries(
      Object.keys(separate?.processes ?? {}).map((name) => [
        `MB of ${name}`,
        ({ processes }: ManySeparate) => Math.round(processes[name] ?? 0),
      ]),
    ),
  });
}

/** The requests of our process by kind, the most frequent first, with those that are many in no round left out. */
export function manyRequestTable(results: Results): string {
  const rounds = results['many-caches']?.found.rounds ?? [];
  const most = (kind: string): number => Math.max(...rounds.map(({ requests }) => requests[kind]?.megabytes ?? 0));
  const kinds = [...new Set(rounds.flatMap(({ requests }) => Object.keys(requests)))].filter(
    (kind) => most(kind) >= 0.1,
  );
  const perRound = rounds.flatMap((round) => [
    [manySize(round), (kind: string) => round.requests[kind]?.count ?? 0] as const,
    [`MB of ${manySize(round)}`, (kind: string) => round.requests[kind]?.megabytes ?? 0] as const,
  ]);
  return table(
    kinds.toSorted((a, b) => most(b) - most(a)),
    { request: (kind) => kind, ...Object.fromEntries(perRound) },
  );
}

/** A refresh that finds nothing changed, of caches that fall due in one minute. */
export function manyRefreshTable(results: Results): string {
  const refresh = results['many-caches']?.found.refresh;
  return table(refresh === undefined ? [] : [refresh], {
    'caches × nodes × images': ({ caches, nodes, images }) =>
      `${formatted(caches)} × ${formatted(nodes)} × ${formatted(images)}`,
    Jobs: ({ jobs }) => jobs,
    'our writes': ({ writes }) => writes,
    'our reads': ({ reads }) => reads,
    'CPU s': ({ cpuSeconds }) => cpuSeconds,
    's from the first write to the last': ({ seconds }) => seconds,
  });
}

/** Nodes that join at once among many caches. */
export function joinTable(results: Results): string {
  const join = results['many-caches']?.found.join;
  return table(join === undefined ? [] : [join], {
    'nodes that join': ({ joining }) => joining,
    'caches × images': ({ caches, images }) => `${formatted(caches)} × ${formatted(images)}`,
    Jobs: ({ jobs }) => jobs,
    's until one cache is on all': ({ secondsToFirstServed }) => secondsToFirstServed,
    's until all are': ({ secondsToAllServed }) => secondsToAllServed,
    'Pods of a node at once': ({ podsAtOnce }) => podsAtOnce,
    'our writes': ({ writes }) => writes,
    'our reads': ({ reads }) => reads,
    'charged MB': ({ chargedMegabytes }) => Math.round(chargedMegabytes),
  });
}
