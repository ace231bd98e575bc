import type { Forecast, NodeForecast } from './forecast.ts';
import { table } from '../table.ts';
import { byName, bytesInWords, counted } from '../words.ts';

/** Most nodes that are listed when not all are asked for. */
const mostNodes = 20;

/** A forecast for people: the whole in words, then image by image, then node by node. */
export function forecastLines(forecast: Forecast, isWide: boolean): readonly string[] {
  const { namespace, name, nodes, images } = forecast;
  const head = [`${name} in ${namespace}: ${opening(forecast)}`, ...sums(forecast)];
  if (nodes.length === 0) return head;
  const imageRows = images.map(({ image, pull, check, keep, size }) => [
    String(pull),
    String(check),
    String(keep),
    size === undefined ? '?' : bytesInWords(size),
    image,
  ]);
  return [
    ...head,
    ...(images.length === 0 ? [] : ['', ...table(imageColumns, imageRows)]),
    '',
    ...nodeLines(nodes, isWide),
    ...(images.some(({ check }) => check > 0) ? ['', ...checkMeans] : []),
  ];
}

const imageColumns = [
  { title: 'PULL', isNumber: true },
  { title: 'CHECK', isNumber: true },
  { title: 'KEEP', isNumber: true },
  { title: 'SIZE', isNumber: true },
  { title: 'IMAGE' },
];

const checkMeans = [
  'CHECK: a Job asks for the image, as its tag may have moved or the list of the',
  'node does not show whether it is there; it is pulled only if it has to be.',
];

function opening({ round, isNew, isSuspended }: Forecast): string {
  if (isSuspended) return 'suspended, nothing is done';
  if (round === undefined) return 'no change, no new round';
  if (round.trigger === 'Adopted')
    return `taken over from kube-fledged${round.operation === 'Refresh' ? ', its work is ended' : ''}`;
  return isNew ? 'new' : `a round opens: ${round.operation}`;
}

function sums({ nodes, bytes, isSuspended }: Forecast): readonly string[] {
  if (nodes.length === 0) return isSuspended ? [] : ['no node matches'];
  const busy = nodes.filter(({ pull, check }) => pull.length + check.length > 0).length;
  const skipped = nodes.filter(({ state }) => state === 'Skipped').length;
  const idle = nodes.length - busy - skipped;
  const parts = [
    `${counted(nodes.length, 'node')}:`,
    [`${busy} to be served`, `${idle} with nothing to do`, `${skipped} skipped`]
      .filter((part) => !part.startsWith('0 '))
      .join(', '),
  ];
  const pulls = nodes.reduce((sum, { pull }) => sum + pull.length, 0);
  return pulls === 0 ? [parts.join(' ')] : [parts.join(' '), `${counted(pulls, 'pull')}, ${volume(bytes)}`];
}

function volume({ known, unknownPulls }: Forecast['bytes']): string {
  if (known === 0) return 'of unknown size';
  return unknownPulls === 0 ? bytesInWords(known) : `${bytesInWords(known)} and ${unknownPulls} of unknown size`;
}

function nodeLines(nodes: readonly NodeForecast[], isWide: boolean): readonly string[] {
  const sorted = nodes.toSorted((a, b) => rank(a) - rank(b) || byName(a, b));
  const shown = isWide ? sorted : sorted.slice(0, mostNodes);
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

/** What is out of the ordinary comes first. */
const rank = ({ state, pull, check }: NodeForecast): number => {
  if (state === 'Skipped' || state === 'Failed') return 0;
  return pull.length + check.length > 0 ? 1 : 2;
};
