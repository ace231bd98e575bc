import type { RemovalState } from '#model/cache/removal-ledger.ts';
import type { ImageState } from '#model/desired/image-state.ts';
import { nodeList } from '../node-list.ts';
import { table, wrapped } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { age, counted } from '../units.ts';
import type { NodeReport, Report } from './report.ts';

/** Maximum number of lines without -o wide. */
const max = { nodes: 20, images: 20, failures: 10 } as const;

export type ReportView = Pick<Terminal, 'colour'> & {
  readonly isWide: boolean;
  readonly width: number;
  readonly now: number;
};

/** A report as text: a summary, a table of images, a table of nodes with a mark for each image, and the failures. */
export function reportLines(report: Report, view: ReportView): readonly string[] {
  return [
    ...summaryLines(report, view),
    ...(report.images.length === 0 ? [] : ['', ...imageLines(report, view)]),
    ...(report.nodes.length === 0 ? [] : ['', ...nodeLines(report, view)]),
    ...(report.removals.length === 0 ? [] : ['', ...removalLines(report, view)]),
    ...failureLines(report, view),
  ];
}

function summaryLines(report: Report, { now, width, colour }: ReportView): readonly string[] {
  const { name, namespace, status, counts, round } = report;
  const { desired, ready, failing, failed, held, skipped } = counts;
  const tone = status === 'Failed' ? 'bad' : status === 'Succeeded' ? 'good' : 'busy';
  const parts = [
    `${ready} of ${counted(desired, 'node')} ready`,
    ...(failing === 0 ? [] : [`${failing} failing`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(held === 0 ? [] : [`${held} held`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ];
  const state = status === '' ? 'no status yet' : status;
  return [
    `${name} in ${namespace}: ${colour(tone, state)}${report.isSuspended ? ', suspended' : ''}`,
    ...(desired + skipped === 0 ? [] : [parts.join(', ')]),
    ...wrapped(report.message, width),
    ...(round === undefined
      ? []
      : [`round ${round.number}, ${round.operation} by ${round.trigger}${refreshText(report, now)}`]),
    ...(report.observedGeneration !== undefined && report.observedGeneration !== report.generation
      ? [colour('busy', 'the spec has changed since and has not been observed yet')]
      : []),
  ];
}

function refreshText({ lastRefresh, nextRefresh }: Report, now: number): string {
  const last = lastRefresh === undefined ? '' : `; refreshed ${age(now - Date.parse(lastRefresh))} ago`;
  if (nextRefresh === undefined) return last;
  const left = Date.parse(nextRefresh) - now;
  return `${last}; next ${left <= 0 ? 'now' : `in ${age(left)}`}`;
}

function imageLines({ images }: Report, { isWide, colour }: ReportView): readonly string[] {
  const shown = isWide ? images : images.slice(0, max.images);
  const numbered = images.map((each, index) => ({ ...each, number: index + 1 }));
  const isBad = (row: { readonly failed: number; readonly failing: number } | undefined): boolean =>
    row !== undefined && row.failed + row.failing > 0;
  const failing = numbered.filter((row) => isBad(row) && row.number > shown.length);
  const rows = [...numbered.slice(0, shown.length), ...failing];
  const hasAccess = images.some(({ access }) => access !== undefined);
  const columns = [
    { title: '#', isNumber: true },
    { title: 'NODES', isNumber: true },
    ...(hasAccess ? [{ title: 'ACCESS' }] : []),
    { title: 'IMAGE' },
  ];
  const [head = '', ...lines] = table(
    isWide ? [...columns, { title: 'DIGEST' }] : columns,
    rows.map((row) => [
      ...[String(row.number), `${row.present}/${row.desired}`],
      ...(hasAccess ? [row.access ?? ''] : []),
      ...[row.image, row.digest],
    ]),
  );
  const more = images.length - rows.length;
  return [
    head,
    ...lines.map((line, index) => (isBad(rows[index]) ? colour('bad', line) : line)),
    ...(more === 0 ? [] : [`... and ${counted(more, 'image')} more (-o wide lists all)`]),
  ];
}

const marks: Readonly<Record<ImageState, string>> = {
  present: '+',
  failed: 'x',
  failing: '!',
  pulling: '~',
  waiting: '.',
  unknown: '?',
};
const tones = {
  Failed: 'bad',
  Held: 'bad',
  Skipped: 'quiet',
  Pulling: 'busy',
  Pending: 'quiet',
  Ready: 'good',
} as const;

function nodeLines({ images, nodes }: Report, { isWide, colour }: ReportView): readonly string[] {
  const shown = isWide ? nodes : nodes.slice(0, max.nodes);
  const isMarked = isWide || images.length <= max.images;
  const marked = ({ images: of }: NodeReport): string => {
    const states = new Map(of.map(({ image, state }) => [image, marks[state]]));
    return images.map(({ image }) => states.get(image) ?? ' ').join('');
  };
  const rows = shown.map((node) => [
    node.name,
    node.state,
    isMarked ? marked(node) : `${node.images.filter(({ state }) => state === 'present').length}/${node.images.length}`,
    node.reason,
  ]);
  const [head = '', ...lines] = table(
    [{ title: 'NODE' }, { title: 'STATE' }, { title: 'IMAGES' }, { title: '' }],
    rows,
  );
  const more = nodes.length - shown.length;
  return [
    head,
    ...lines.map((line, index) => colour(toneOf(shown[index]), line)),
    ...(more === 0 ? [] : [`... and ${counted(more, 'node')} more (-o wide lists all)`]),
    ...(isMarked ? legend(shown) : []),
  ];
}

const toneOf = (node: NodeReport | undefined) =>
  node?.images.some(({ state }) => state === 'failing') === true ? 'bad' : tones[node?.state ?? 'Ready'];

/** Explains the marks, unless all images are present. */
function legend(nodes: readonly NodeReport[]): readonly string[] {
  const seen = new Set(nodes.flatMap(({ images }) => images.map(({ state }) => state)));
  if ([...seen].every((state) => state === 'present')) return [];
  const states = ['present', 'failed', 'failing', 'pulling', 'waiting', 'unknown'] as const;
  return [
    '',
    `images 1, 2, ...: ${states
      .filter((state) => seen.has(state))
      .map((state) => `${marks[state]} ${state}`)
      .join(', ')}`,
  ];
}

/** Removals that have not succeeded first, then what was spared. */
function removalLines({ removals }: Report, { isWide, width, colour }: ReportView): readonly string[] {
  const sorted = removals.toSorted((a, b) => removalOrder.indexOf(a.state) - removalOrder.indexOf(b.state));
  const shown = isWide ? sorted : sorted.slice(0, max.nodes);
  const [head = '', ...lines] = table(
    [
      { title: 'NODE' },
      { title: 'REMOVAL' },
      { title: 'REMOVED', isNumber: true },
      { title: 'SPARED', isNumber: true },
      { title: '' },
    ],
    shown.map(({ name, state, removed, spared, reason }) => [name, state, String(removed), String(spared), reason]),
  );
  const more = removals.length - shown.length;
  const spared = shown.flatMap(({ name, sparedImages }) =>
    sparedImages.map(({ image, reason, by }) => ({ name, image, why: by === '' ? reason : `${reason}, ${by}` })),
  );
  const groups = Map.groupBy(spared, ({ image, why }) => `${image} ${why}`);
  const stays = [...groups.values()].map((group) => {
    const names = group.map(({ name }) => name);
    return `${group[0]?.image ?? ''} stays on ${nodeList(names, isWide)}: ${group[0]?.why ?? ''}`;
  });
  return [
    head,
    ...lines.map((line, index) => colour(removalTones[shown[index]?.state ?? 'Removed'], line)),
    ...(more === 0 ? [] : [`... and ${counted(more, 'node')} more (-o wide lists all)`]),
    ...(stays.length === 0 ? [] : ['', ...stays.flatMap((line) => wrapped(line, width))]),
  ];
}

const removalOrder: readonly RemovalState[] = ['Failed', 'Skipped', 'Removing', 'Pending', 'Kept', 'Removed'];
const removalTones = {
  Failed: 'bad',
  Skipped: 'bad',
  Removing: 'busy',
  Pending: 'quiet',
  Kept: 'quiet',
  Removed: 'good',
} as const satisfies Record<RemovalState, string>;

/** Equal failures of an image are printed once, with their nodes. */
export function failureLines({ failures }: Report, { isWide, width, colour }: ReportView): readonly string[] {
  const groups = new Map<string, { readonly image: string; readonly cause: string; readonly names: string[] }>();
  for (const { image, node, reason, message } of failures) {
    const cause = [reason, message].filter((part) => part !== '').join(': ');
    const group = groups.get(`${image} ${cause}`) ?? { image, cause, names: [] };
    group.names.push(node);
    groups.set(`${image} ${cause}`, group);
  }
  const all = [...groups.values()];
  const shown = isWide ? all : all.slice(0, max.failures);
  const more = all.length - shown.length;
  return [
    ...shown.flatMap(({ image, cause, names }) => [
      '',
      ...wrapped(`${image} on ${nodeList(names, isWide)}`, width).map((line) => colour('bad', line)),
      ...wrapped(cause, width - 2).map((line) => `  ${line}`),
    ]),
    ...(more === 0 ? [] : ['', `... and ${counted(more, 'failure')} more (-o wide lists all)`]),
  ];
}
