import { badge, chip, count, counts, element, grouped, headRow, time } from './elements.js';

/** How each status is shown, in the order of the filters. */
const statuses = {
  Failed: { kind: 'failed' },
  Aborted: { kind: 'warning' },
  Processing: { kind: 'pulling' },
  New: { kind: 'pending' },
  Unknown: { kind: 'pending' },
  NoImagesPulledOrDeleted: { kind: 'skipped', text: 'No nodes' },
  Succeeded: { kind: 'ready' },
};
const look = (status) => ({ text: status || 'New', ...statuses[status || 'New'] });

/** The filters by status; those without a cache are omitted. */
export function statusChips(numbers, chosen, onChoose) {
  const chipOf = (status, { text, kind }, number) =>
    chip({
      key: `status ${status}`,
      kind,
      text,
      number,
      isChosen: status === chosen,
      onChoose: () => onChoose(status),
    });
  const all = Object.values(numbers).reduce((sum, number) => sum + number, 0);
  const some = Object.keys(statuses).filter((status) => numbers[status] > 0 || status === chosen);
  return [
    chipOf('', { text: 'All' }, all),
    ...some.map((status) => chipOf(status, look(status), numbers[status] ?? 0)),
  ];
}

const keyOf = ({ namespace, name }) => `${namespace}/${name}`;

/** The table of caches; the open one has its details in a row below. */
export function cacheTable({ rows, total }, { open, detail, onToggle, onMore }) {
  const body = rows.flatMap((row) => {
    if (keyOf(row) !== open) return [cacheRow(row, false, onToggle)];
    const below = element('tr', { class: 'detail', id: 'detail' }, element('td', { colspan: 6 }, detail));
    return [cacheRow(row, true, onToggle), below];
  });
  const table = element(
    'table',
    { class: 'caches' },
    element('caption', { class: 'unseen' }, 'Image caches, those that have failed first'),
    headRow('Cache', 'Status', 'Nodes', 'Images', 'Refreshed', 'Next'),
    element('tbody', {}, body),
  );
  const left = total - rows.length;
  if (left <= 0) return [table];
  const text =
    onMore === undefined ? `${count(left, 'more cache')}: filter to see them` : `Show more: ${grouped(left)} left`;
  const more = { type: 'button', class: 'more', 'data-key': 'more', disabled: onMore === undefined };
  return [table, element('button', { ...more, onclick: onMore ?? (() => undefined) }, text)];
}

function cacheRow(row, isOpen, onToggle) {
  const { namespace, name, status, images, isSuspended } = row;
  const { kind, text } = look(status);
  const toggle = {
    ...{ type: 'button', class: 'toggle', 'data-key': `cache ${keyOf(row)}`, 'aria-expanded': String(isOpen) },
    ...{ 'aria-controls': isOpen ? 'detail' : undefined, onclick: () => onToggle(keyOf(row)) },
  };
  const title = element('button', toggle, element('span', { class: 'quiet' }, `${namespace}/`), name);
  const word = row.nodes.failing > 0 && row.nodes.failed === 0 ? 'failing' : 'failed';
  const missing = element('span', { class: 'bad' }, `${images.failed} of ${images.total} ${word}`);
  return element(
    'tr',
    { class: isOpen ? 'cache open' : 'cache' },
    element('th', { scope: 'row' }, title),
    element('td', {}, badge(kind, text), isSuspended ? badge('skipped', 'Suspended') : ''),
    nodeCounts(row),
    element('td', {}, images.failed > 0 ? missing : grouped(images.total)),
    element('td', {}, status === 'Processing' ? inProgress(row) : time(row.ended)),
    element('td', {}, nextTime(row)),
  );
}

/** When the next refresh begins; that time is set at the end of a round, so it is past while one is open or waits to open. */
function nextTime({ status, nextRefresh }) {
  if (nextRefresh === undefined || nextRefresh > Date.now()) return time(nextRefresh);
  return element('span', { class: 'quiet' }, status === 'Processing' ? 'after this one' : 'due');
}

/** A purged cache desires no images on any node: show its removals instead. */
function nodeCounts({ nodes, removals }) {
  const isPurge = Object.values(nodes).every((number) => number === 0) && removalsInWords(removals) !== '';
  if (!isPurge) return counts(nodes, nodesInWords(nodes));
  const { removed: ready, open: pulling, failed, skipped } = removals;
  return counts({ ready, pulling, failed, skipped }, removalsInWords(removals));
}

/** The progress of a removal; '' if there is none. */
export function removalsInWords({ removed, open, failed, skipped }) {
  const total = removed + open + failed + skipped;
  if (total === 0) return '';
  const parts = [`removed from ${grouped(removed)}/${grouped(total)}`];
  if (failed > 0) parts.push(`${grouped(failed)} failed`);
  return parts.join(' · ');
}

const inProgress = ({ operation }) =>
  element('span', { class: 'quiet' }, operation === '' ? 'in progress' : `${operation.toLowerCase()} in progress`);

function nodesInWords({ ready, pulling, pending, failing, failed, held, skipped }) {
  const parts = [`${grouped(ready)}/${grouped(ready + pulling + pending + failing + failed + held)}`];
  if (failing > 0) parts.push(`${grouped(failing)} failing`);
  if (failed > 0) parts.push(`${grouped(failed)} failed`);
  if (held > 0) parts.push(`${grouped(held)} held`);
  if (skipped > 0) parts.push(`${grouped(skipped)} skipped`);
  return parts.join(' · ');
}
