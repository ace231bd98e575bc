import type { Forecast, NodeForecast } from './forecast.ts';
import { table } from '../table.ts';
import { byName } from '../by-name.ts';
import { byteSize, counted } from '../units.ts';

/** Maximum number of nodes listed without -o wide. */
const maxNodes = 20;

/** A forecast as text: a summary, then a table of images, then a table of nodes. */
export function forecastLines(forecast: Forecast, isWide: boolean): readonly string[] {
  const { namespace, name, nodes, images } = forecast;
  const head = [`${name} in ${namespace}: ${roundText(forecast)}`, ...totalLines(forecast)];
  if (nodes.length === 0) return head;
  const imageRows = images.map(({ image, pull, check, keep, size }) => [
    String(pull),
    String(check),
    String(keep),
    size === undefined ? '?' : byteSize(size),
    image,
  ]);
  return [
    ...head,
    ...(images.length === 0 ? [] : ['', ...table(imageColumns, imageRows)]),
    '',
    ...nodeLines(nodes, isWide),
    ...(images.some(({ check }) => check > 0) ? ['', ...checkNote] : []),
  ];
}

const imageColumns = [
  { title: 'PULL', isNumber: true },
  { title: 'CHECK', isNumber: true },
  { title: 'KEEP', isNumber: true },
  { title: 'SIZE', isNumber: true },
  { title: 'IMAGE' },
];

const checkNote = [
  'CHECK: a Job checks the image, because its tag may have moved or the node does',
  'not report whether it is present; it is pulled only if necessary.',
];

function roundText({ round, isNew, isSuspended }: Forecast): string {
  if (isSuspended) return 'suspended, no work is started';
  if (round === undefined) return 'no change, no new round';
  if (round.trigger === 'Adopted')
    return `adopted from kube-fledged${round.operation === 'Refresh' ? ', its unfinished round is completed' : ''}`;
  return isNew ? 'new' : `starts a round: ${round.operation}`;
}

function totalLines({ nodes, bytes, isSuspended }: Forecast): readonly string[] {
  if (nodes.length === 0) return isSuspended ? [] : ['no node is selected'];
  const busy = nodes.filter(({ pull, check }) => pull.length + check.length > 0).length;
  const skipped = nodes.filter(({ state }) => state === 'Skipped').length;
  const idle = nodes.length - busy - skipped;
  const parts = [
    `${counted(nodes.length, 'node')}:`,
    [`${busy} with work`, `${idle} without work`, `${skipped} skipped`]
      .filter((part) => !part.startsWith('0 '))
      .join(', '),
  ];
  const pulls = nodes.reduce((sum, { pull }) => sum + pull.length, 0);
  return pulls === 0 ? [parts.join(' ')] : [parts.join(' '), `${counted(pulls, 'pull')}, ${sizeText(bytes)}`];
}

function sizeText({ known, unknownPulls }: Forecast['bytes']): string {
  if (known === 0) return 'of unknown size';
  return unknownPulls === 0 ? byteSize(known) : `${byteSize(known)} and ${unknownPulls} of unknown size`;
}

function nodeLines(nodes: readonly NodeForecast[], isWide: boolean): readonly string[] {
  const sorted = nodes.toSorted((a, b) => rank(a) - rank(b) || byName(a, b));
  const shown = isWide ? sorted : sorted.slice(0, maxNodes);
  const rows = shown.map(({ name, state, reason, pull, check, keep, failed }) => [
    String(pull.length),
    String(check.length),
    String(keep.length),
    name,
    state === 'Skipped'
      ? `skipped: ${reason}`
      : state === 'Failed'
        ? `failed before: ${counted(failed.length, 'image')}`
        : '',
  ]);
  const columns = [...imageColumns.slice(0, 3), { title: 'NODE' }, { title: '' }];
  const more = sorted.length - shown.length;
  return [
    ...table(columns, rows),
    ...(more === 0 ? [] : [`... and ${counted(more, 'node')} more (-o wide lists all)`]),
  ];
}

/** Nodes that are skipped or failed come first, then those with work. */
const rank = ({ state, pull, check }: NodeForecast): number => {
  if (state === 'Skipped' || state === 'Failed') return 0;
  return pull.length + check.length > 0 ? 1 : 2;
};
