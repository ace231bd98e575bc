import { table, wrapped } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { ageInWords, counted } from '../words.ts';
import type { ImageState, NodeReport, Report } from './report.ts';

/** How much is shown when not all is asked for. */
const most = { nodes: 20, images: 20, failures: 10 } as const;

export type Look = Pick<Terminal, 'colour'> & {
  readonly isWide: boolean;
  readonly width: number;
  readonly now: number;
};

/** A report for people: the whole in words, images with their numbers, then nodes with a mark for each image. */
export function reportLines(report: Report, look: Look): readonly string[] {
  return [
    ...headLines(report, look),
    ...(report.images.length === 0 ? [] : ['', ...imageLines(report, look)]),
    ...(report.nodes.length === 0 ? [] : ['', ...nodeLines(report, look)]),
    ...failureLines(report, look),
  ];
}

function headLines(report: Report, { now, width, colour }: Look): readonly string[] {
  const { name, namespace, status, counts, round } = report;
  const { desired, ready, failed, skipped } = counts;
  const tone = status === 'Failed' ? 'bad' : status === 'Succeeded' ? 'good' : 'busy';
  const parts = [
    `${ready} of ${counted(desired, 'node')} ready`,
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ];
  const word = status === '' ? 'nobody has looked at it yet' : status;
  return [
    `${name} in ${namespace}: ${colour(tone, word)}${report.isSuspended ? ', suspended' : ''}`,
    ...(desired + skipped === 0 ? [] : [parts.join(', ')]),
    ...wrapped(report.message, width),
    ...(round === undefined
      ? []
      : [`round ${round.number}, ${round.operation} by ${round.trigger}${refreshes(report, now)}`]),
    ...(report.observedGeneration !== undefined && report.observedGeneration !== report.generation
      ? [colour('busy', 'the spec has changed since, and that has not been taken up yet')]
      : []),
  ];
}

function refreshes({ lastRefresh, nextRefresh }: Report, now: number): string {
  const last = lastRefresh === undefined ? '' : `; refreshed ${ageInWords(now - Date.parse(lastRefresh))} ago`;
  if (nextRefresh === undefined) return last;
  const left = Date.parse(nextRefresh) - now;
  return `${last}; next ${left <= 0 ? 'now' : `in ${ageInWords(left)}`}`;
}

function imageLines({ images }: Report, { isWide, colour }: Look): readonly string[] {
  const shown = isWide ? images : images.slice(0, most.images);
  const numbered = images.map((each, index) => ({ ...each, number: index + 1 }));
  const failing = numbered.filter(({ failed, number }) => failed > 0 && number > shown.length);
  const rows = [...numbered.slice(0, shown.length), ...failing];
  const columns = [{ title: '#', isNumber: true }, { title: 'NODES', isNumber: true }, { title: 'IMAGE' }];
  const [head = '', ...lines] = table(
    isWide ? [...columns, { title: 'DIGEST' }] : columns,
    rows.map(({ number, present, wanted, image, digest }) => [String(number), `${present}/${wanted}`, image, digest]),
  );
  const more = images.length - rows.length;
  return [
    head,
    ...lines.map((line, index) => ((rows[index]?.failed ?? 0) > 0 ? colour('bad', line) : line)),
    ...(more === 0 ? [] : [`... and ${counted(more, 'image')} more (-o wide lists all)`]),
  ];
}

const marks: Readonly<Record<ImageState, string>> = {
  present: '+',
  failed: 'x',
  pulling: '~',
  waiting: '.',
  unknown: '?',
};
const tones = { Failed: 'bad', Skipped: 'quiet', Pulling: 'busy', Pending: 'quiet', Ready: 'good' } as const;

function nodeLines({ images, nodes }: Report, { isWide, colour }: Look): readonly string[] {
  const shown = isWide ? nodes : nodes.slice(0, most.nodes);
  const isMarked = isWide || images.length <= most.images;
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
    ...lines.map((line, index) => colour(tones[shown[index]?.state ?? 'Ready'], line)),
    ...(more === 0 ? [] : [`... and ${counted(more, 'node')} more (-o wide lists all)`]),
    ...(isMarked ? legend(shown) : []),
  ];
}

/** Tells the marks that are there, where they are not all of the good kind. */
function legend(nodes: readonly NodeReport[]): readonly string[] {
  const seen = new Set(nodes.flatMap(({ images }) => images.map(({ state }) => state)));
  if ([...seen].every((state) => state === 'present')) return [];
  const words = { present: 'there', failed: 'failed', pulling: 'on its way', waiting: 'waits', unknown: 'not known' };
  const states = ['present', 'failed', 'pulling', 'waiting', 'unknown'] as const;
  return [
    '',
    `images 1, 2, ...: ${states
      .filter((state) => seen.has(state))
      .map((state) => `${marks[state]} ${words[state]}`)
      .join(', ')}`,
  ];
}

/** The same failure of the same image is told once, with the nodes that had it. */
function failureLines({ nodes }: Report, { isWide, width, colour }: Look): readonly string[] {
  const groups = new Map<string, { readonly image: string; readonly why: string; readonly names: string[] }>();
  for (const { name, failures } of nodes)
    for (const { image, reason, message } of failures) {
      const why = [reason, message].filter((part) => part !== '').join(': ');
      const group = groups.get(`${image} ${why}`) ?? { image, why, names: [] };
      group.names.push(name);
      groups.set(`${image} ${why}`, group);
    }
  const all = [...groups.values()];
  const shown = isWide ? all : all.slice(0, most.failures);
  const more = all.length - shown.length;
  return [
    ...shown.flatMap(({ image, why, names }) => [
      '',
      ...wrapped(`${image} on ${namesInWords(names, isWide)}`, width).map((line) => colour('bad', line)),
      ...wrapped(why, width - 2).map((line) => `  ${line}`),
    ]),
    ...(more === 0 ? [] : ['', `... and ${counted(more, 'failure')} more (-o wide tells all)`]),
  ];
}

function namesInWords(names: readonly string[], isWide: boolean): string {
  if (isWide || names.length <= 3) return names.join(', ');
  return `${names.slice(0, 2).join(', ')} and ${names.length - 2} more nodes`;
}
