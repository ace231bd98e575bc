import { type Failure, type ImageCache, type Status, isRoundOpen } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { RemovalEntry } from '#model/cache/removal-ledger.ts';
import type { Plan } from '#model/plan.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** The fields of the lines about a cache, for its documentation. */
export const planLogFields = {
  cache: '`namespace/name`, in every line about a cache',
  round: 'number of its latest round, in every line about a cache',
  operation: 'Create, Update, Refresh or Purge',
  trigger: 'why the round opened: Spec, Workloads, Annotation, Schedule, Adopted or Deletion',
  generation: 'generation of the spec that the round reconciles',
  status: 'word in `status.status`',
  message: 'text of `status.message`, or of the kubelet about a failure',
  nodes: 'names of nodes, at most 6',
  count: 'number of nodes, also of those that are not named',
  image: 'reference as in the spec',
  reason: 'why nodes are skipped or failed, an image failed, or a removal failed',
  attempt: 'number of the set of Jobs of a node, from 1',
  jobs: 'number of Jobs',
  ready: 'number of nodes that have all their images',
  failed: 'number of nodes that lack an image after all attempts',
  skipped: 'number of nodes that get no Job',
  seconds: 'from the start of the round to its end',
  removed: 'number of images removed',
  spared: 'number of images left because something needs them',
  freedBytes: 'bytes freed by a removal',
  annotations: 'names of the annotations that were removed',
  finalizer: 'add or release',
  format: 'format of a status that was discarded, or none',
} as const satisfies Readonly<Record<string, string>>;

type Field = keyof typeof planLogFields;

/** A line of the log: its constant message and its fields. */
export type LogLine = readonly [msg: string, fields: Partial<Readonly<Record<Field, unknown>>>];

/** Limits of a line, and of the lines of one plan about failures. */
export const logBounds = { nodesPerLine: 6, failuresPerPlan: 10 } as const;

/** What a plan did, one line for each decision, causes before what follows from them: with 5,000 nodes as many lines as with one. */
export function planLines(
  plan: Plan,
  { status: before, discardedFormat: format }: Pick<ImageCache, 'status' | 'discardedFormat'>,
): readonly LogLine[] {
  const after = plan.status ?? before;
  return [
    ...(format === undefined || plan.status === undefined ? [] : ([['status discarded', { format }]] as const)),
    ...foundLine(before, after),
    ...openedLine(before, after),
    ...failureLines(before, after),
    ...nodeLines(before, after),
    ...jobLines(plan),
    ...removalLines(before, after),
    ...endedLine(before, after),
    ...metadataLines(plan),
  ];
}

const isNewRound = (before: Status, { round }: Status): boolean =>
  round !== undefined && round.number !== before.round?.number;

function openedLine(before: Status, after: Status): readonly LogLine[] {
  if (after.round === undefined || !isNewRound(before, after)) return [];
  const { operation, trigger, generation } = after.round;
  return [['round opened', { operation, trigger, generation, count: Object.keys(after.nodes).length }]];
}

/** What could not be read of workloads, once for each problem. */
const foundLine = ({ found: before }: Status, { found: { problem } }: Status): readonly LogLine[] =>
  problem === '' || problem === before.problem ? [] : [['workloads not read', { message: problem }]];

function endedLine(before: Status, after: Status): readonly LogLine[] {
  const { round, status, message, startTime = 0, completionTime = 0, nodes } = after;
  const isEnd = !isRoundOpen(after) && (isRoundOpen(before) || isNewRound(before, after));
  if (!isEnd && (status === before.status || isNewRound(before, after))) return [];
  if (!isEnd) return [['status changed', { status, message }]];
  const states = Object.values(nodes).map(({ state }) => state);
  const number = (state: LedgerEntry['state']): number => states.filter((each) => each === state).length;
  const held = number('Held');
  const counts = {
    ...{ ready: number('Ready'), failed: number('Failed'), skipped: number('Skipped') },
    ...(held > 0 ? { held } : {}),
  };
  const seconds = Math.max(0, (completionTime - startTime) / 1000);
  return [['round ended', { operation: round?.operation, status, message, ...counts, seconds }]];
}

const states = {
  Pending: 'nodes wait',
  Pulling: 'nodes pull',
  Ready: 'nodes are ready',
  Failed: 'nodes failed',
  Skipped: 'nodes are skipped',
  Held: 'nodes are held',
} as const satisfies Readonly<Record<LedgerEntry['state'], string>>;

function nodeLines(before: Status, after: Status): readonly LogLine[] {
  const changed = Object.entries(after.nodes).filter(([name, entry]) => isNews(ownEntry(before.nodes, name), entry));
  const failed = failureReasons(after);
  const reasonOf = (name: string, { state, reason }: LedgerEntry): string =>
    state === 'Failed' && reason === '' ? [...(failed.get(name) ?? [])].join(', ') : reason;
  const groups = Map.groupBy(changed, ([name, entry]) =>
    JSON.stringify([entry.state, reasonOf(name, entry), entry.state === 'Pulling' ? entry.attempt : 0]),
  );
  const isPurge = isNewRound(before, after) && after.round?.operation === 'Purge';
  const gone = Object.keys(before.nodes).filter((name) => !isPurge && ownEntry(after.nodes, name) === undefined);
  return [
    ...[...groups.values()].flatMap((group): readonly LogLine[] => {
      const [first] = group;
      if (first === undefined) return [];
      const { state, attempt } = first[1];
      const reason = reasonOf(...first);
      const more = { ...(reason === '' ? {} : { reason }), ...(state === 'Pulling' ? { attempt } : {}) };
      return [[states[state], { ...named(group.map(([name]) => name)), ...more }]];
    }),
    ...(gone.length === 0 ? [] : ([['nodes left the cache', named(gone)]] as const)),
  ];
}

/** Why images failed, by node. */
function failureReasons({ failures }: Status): ReadonlyMap<string, ReadonlySet<string>> {
  const reasons = new Map<string, Set<string>>();
  for (const { node, reason } of Object.values(failures).flat())
    reasons.set(node, (reasons.get(node) ?? new Set()).add(reason));
  return reasons;
}

const isNews = (before: LedgerEntry | undefined, { state, reason, attempt }: LedgerEntry): boolean =>
  before?.state !== state || before.reason !== reason || (state === 'Pulling' && before.attempt !== attempt);

const named = (names: readonly string[]) => ({ nodes: names.slice(0, logBounds.nodesPerLine), count: names.length });

/** Failures that are new, by image and reason. */
function failureLines(before: Status, after: Status): readonly LogLine[] {
  const isNew = (image: string, failure: Failure): boolean =>
    !(ownEntry(before.failures, image) ?? []).some(
      ({ node, reason, message }) => node === failure.node && reason === failure.reason && message === failure.message,
    );
  const lines = Object.entries(after.failures).flatMap(([image, failures]) => {
    const groups = Map.groupBy(
      failures.filter((failure) => isNew(image, failure)),
      ({ reason }) => reason,
    );
    return [...groups].map(([reason, group]): LogLine => {
      const message = group[0]?.message ?? '';
      return ['image failed', { image, reason, message, ...named(group.map(({ node }) => node)) }];
    });
  });
  const most = logBounds.failuresPerPlan;
  const left = lines.length - most;
  return left <= 0 ? lines : [...lines.slice(0, most), ['more images failed', { count: left }]];
}

const counted = (msg: string, { length }: readonly unknown[]): readonly LogLine[] =>
  length === 0 ? [] : [[msg, { jobs: length }]];

const jobLines = (plan: Plan): readonly LogLine[] => [
  ...counted('pull Jobs created', plan.createJobs),
  ...counted('pull Jobs deleted', plan.deleteJobs),
  ...counted('removal Jobs created', plan.createRemovalJobs),
  ...counted('removal Jobs deleted', plan.deleteRemovalJobs),
];

/** Removals that have ended, by result. */
function removalLines(before: Status, after: Status): readonly LogLine[] {
  const ended = Object.entries(after.removals).filter(([name, entry]) => {
    const known = ownEntry(before.removals, name);
    const isSame = known?.state === entry.state && known.imagesHash === entry.imagesHash;
    return !isSame && ['Removed', 'Failed', 'Skipped'].includes(entry.state);
  });
  const groups = Map.groupBy(ended, ([, { state, reason }]) => JSON.stringify([state, reason]));
  return [...groups.values()].map((group): LogLine => {
    const nodes = named(group.map(([name]) => name));
    const entries = group.map(([, entry]) => entry);
    const { state = 'Removed', reason, message } = entries[0] ?? {};
    if (state !== 'Removed')
      return [state === 'Failed' ? 'removal failed' : 'removal waits', { ...nodes, reason, message }];
    const sum = (of: (entry: RemovalEntry) => number): number => entries.reduce((total, entry) => total + of(entry), 0);
    const sums = {
      removed: sum(({ removed }) => removed),
      spared: sum(({ spared }) => spared),
      freedBytes: sum(({ freedBytes }) => freedBytes),
    };
    return ['images removed', { ...nodes, ...sums }];
  });
}

function metadataLines({ annotations, finalizer }: Plan): readonly LogLine[] {
  const names = Object.keys(annotations);
  return [
    ...(names.length === 0 ? [] : ([['annotations removed', { annotations: names }]] as const)),
    ...(finalizer === undefined ? [] : ([['finalizer changed', { finalizer }]] as const)),
  ];
}
