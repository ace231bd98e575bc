import type { BudgetForecast, Forecast, NodeForecast } from './forecast.ts';
import type { GateForecast } from './side-effects.ts';
import { table } from '../table.ts';
import { byName } from '../by-name.ts';
import { byteSize, counted } from '../units.ts';

/** Maximum number of nodes listed without -o wide. */
const maxNodes = 20;

/** A forecast as text: a summary, then a table of images, then a table of nodes. */
export function forecastLines(forecast: Forecast, isWide: boolean): readonly string[] {
  const { namespace, name, nodes, images } = forecast;
  const head = [
    `${name} in ${namespace}: ${roundText(forecast)}`,
    ...totalLines(forecast),
    ...removalLines(forecast),
    ...sideLines(forecast),
  ];
  if (nodes.length === 0) return head;
  const columns = numberColumns(nodes);
  const rows = images.map((image) => [
    ...columns.map(({ of }) => String(image[of])),
    image.size === undefined ? '?' : byteSize(image.size),
    image.image,
  ]);
  const titles = [...columns.map(({ title }) => ({ title, isNumber: true })), { title: 'SIZE', isNumber: true }];
  return [
    ...head,
    ...(images.length === 0 ? [] : ['', ...table([...titles, { title: 'IMAGE' }], rows)]),
    '',
    ...nodeLines(nodes, isWide),
    ...(images.some(({ check }) => check > 0) ? ['', ...checkNote] : []),
  ];
}

type NumberColumn = { readonly title: string; readonly of: 'pull' | 'check' | 'keep' | 'remove' };

/** Removals have a column if there are any. */
const numberColumns = (nodes: readonly NodeForecast[]): readonly NumberColumn[] => [
  { title: 'PULL', of: 'pull' },
  { title: 'CHECK', of: 'check' },
  { title: 'KEEP', of: 'keep' },
  ...(nodes.some(({ remove }) => remove.length > 0) ? [{ title: 'REMOVE', of: 'remove' } as const] : []),
];

function removalLines({ nodes, bytes }: Forecast): readonly string[] {
  const removals = nodes.reduce((total, { remove }) => total + remove.length, 0);
  const spared = nodes.flatMap(({ spare }) => spare);
  const keepers = [...new Set(spared.flatMap(({ by }) => by))].toSorted();
  const size = sizeText({ known: bytes.removed, unknown: bytes.unknownRemovals });
  return [
    ...(removals === 0 ? [] : [`${counted(removals, 'removal')}, ${size}, unless a container uses the image`]),
    ...(spared.length === 0 ? [] : [`${counted(spared.length, 'image')} not removed: wanted by ${keepers.join(', ')}`]),
  ];
}

/** What else happens: a round that ends, registries that are asked, nodes that are held, waves, disks that are too small. */
function sideLines({
  supersedes,
  registries,
  budgets,
  gate,
  workloadImages,
  waves,
  nodes,
}: Forecast): readonly string[] {
  const short = nodes.filter(({ freeBytesAfter = 0 }) => freeBytesAfter < 0);
  return [
    ...(supersedes === undefined ? [] : [`supersedes round ${supersedes.number}, ${supersedes.operation}`]),
    ...(registries.length === 0 ? [] : [`registries asked: ${registries.join(', ')}`]),
    ...budgets.map(budgetText),
    ...(gate === undefined ? [] : [gateText(gate)]),
    ...(workloadImages === undefined ? [] : [workloadText(workloadImages)]),
    ...(waves === undefined ? [] : [`waves: ${waves.join(', ')} ${waves.at(-1) === 1 ? 'node' : 'nodes'}`]),
    ...short.map(({ name, freeBytesAfter = 0 }) => `${name} lacks ${byteSize(-freeBytesAfter)} of disk for it`),
  ];
}

const workloadText = ({ named, kept }: NonNullable<Forecast['workloadImages']>): string =>
  `workloads name ${counted(named, 'image')}${kept === 0 ? '' : `; ${counted(kept, 'image')} kept that none names any more`}`;

const budgetText = ({ registry, pulls, hours }: BudgetForecast): string =>
  `${counted(pulls, 'manifest')} from ${registry}: ${hours === 0 ? 'within' : `${counted(hours, 'hour')} at least with`} its budget`;

const gateText = ({ taintKey, isEnabled, nodes }: GateForecast): string =>
  isEnabled
    ? `warm gate: nodes keep the taint ${taintKey} until they are ready; ${counted(nodes.length, 'node')} with it now`
    : `the warm gate has no effect: WARM_GATE_TAINTS does not include ${taintKey}`;

const checkNote = [
  'CHECK: a Job checks the image, because its tag may have moved or the node does',
  'not report whether it is present; it is pulled only if necessary.',
];

function roundText({ round, isNew, isSuspended, refusal }: Forecast): string {
  if (refusal !== undefined) return refusal;
  if (isSuspended) return 'suspended, no work is started';
  if (round === undefined) return 'no change, no new round';
  if (round.trigger === 'Adopted')
    return `adopted from kube-fledged${round.operation === 'Refresh' ? ', its unfinished round is completed' : ''}`;
  return isNew ? 'new' : `starts a round: ${round.operation}`;
}

function totalLines({ nodes, bytes, isSuspended, refusal }: Forecast): readonly string[] {
  if (nodes.length === 0) return isSuspended || refusal !== undefined ? [] : ['no node is selected'];
  const busy = nodes.filter(({ pull, check, remove }) => pull.length + check.length + remove.length > 0).length;
  const skipped = nodes.filter(({ state }) => state === 'Skipped').length;
  const idle = nodes.length - busy - skipped;
  const parts = [
    `${counted(nodes.length, 'node')}:`,
    [`${busy} with work`, `${idle} without work`, `${skipped} skipped`]
      .filter((part) => !part.startsWith('0 '))
      .join(', '),
  ];
  const pulls = nodes.reduce((sum, { pull }) => sum + pull.length, 0);
  const size = sizeText({ known: bytes.known, unknown: bytes.unknownPulls });
  return pulls === 0 ? [parts.join(' ')] : [parts.join(' '), `${counted(pulls, 'pull')}, ${size}`];
}

function sizeText({ known, unknown }: { readonly known: number; readonly unknown: number }): string {
  if (known === 0) return 'of unknown size';
  return unknown === 0 ? byteSize(known) : `${byteSize(known)} and ${unknown} of unknown size`;
}

function nodeLines(nodes: readonly NodeForecast[], isWide: boolean): readonly string[] {
  const sorted = nodes.toSorted((a, b) => rank(a) - rank(b) || byName(a, b));
  const shown = isWide ? sorted : sorted.slice(0, maxNodes);
  const numbers = numberColumns(nodes);
  const hasFree = shown.some(({ freeBytes }) => freeBytes !== undefined);
  const rows = shown.map((node) => [
    ...numbers.map(({ of }) => String(node[of].length)),
    ...(hasFree ? [freeText(node)] : []),
    node.name,
    noteOf(node),
  ]);
  const columns = [
    ...numbers.map(({ title }) => ({ title, isNumber: true })),
    ...(hasFree ? [{ title: 'FREE', isNumber: true }] : []),
    { title: 'NODE' },
    { title: '' },
  ];
  const more = sorted.length - shown.length;
  return [
    ...table(columns, rows),
    ...(more === 0 ? [] : [`... and ${counted(more, 'node')} more (-o wide lists all)`]),
  ];
}

/** The free space after it. */
const freeText = ({ freeBytesAfter }: NodeForecast): string =>
  freeBytesAfter === undefined ? '?' : freeBytesAfter < 0 ? '0 B' : byteSize(freeBytesAfter);

function noteOf({ state, reason, failed }: NodeForecast): string {
  if (state === 'Skipped') return `skipped: ${reason}`;
  if (state === 'NotSelected') return 'no longer selected';
  return state === 'Failed' ? `failed before: ${counted(failed.length, 'image')}` : '';
}

/** Nodes that are skipped or failed come first, then those with work. */
const rank = ({ state, pull, check, remove }: NodeForecast): number => {
  if (state === 'Skipped' || state === 'Failed') return 0;
  return pull.length + check.length + remove.length > 0 ? 1 : 2;
};
