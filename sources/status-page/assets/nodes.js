import { badge, chip, element, grouped, headRow, imageName } from './elements.js';
import { pager } from './pager.js';

const states = {
  Failed: 'failed',
  Failing: 'failing',
  Pulling: 'pulling',
  Pending: 'pending',
  Skipped: 'skipped',
  Held: 'held',
  Ready: 'ready',
};
const kindsOfImages = {
  present: 'ready',
  failed: 'failed',
  failing: 'failing',
  pulling: 'pulling',
  pending: 'pending',
  unknown: 'skipped',
};
const kindsOfLetters = { R: 'ready', F: 'failed', T: 'failing', P: 'pulling', W: 'pending', S: 'skipped', H: 'held' };

/** The nodes of a cache as a map and as a table, failures first, with a filter by state and name. */
export function nodeSection(cache, shown, asks) {
  const { rows, offset, total } = cache.nodeRows;
  const all = Object.values(cache.nodes).reduce((sum, number) => sum + number, 0);
  const table = element(
    'table',
    { class: 'inner' },
    element('caption', { class: 'unseen' }, 'Nodes, those that failed first'),
    headRow('Node', 'State', 'Images'),
    element(
      'tbody',
      {},
      rows.flatMap((row) => nodeRows(row, shown, asks)),
    ),
  );
  const nothing = all === 0 ? 'No node is selected by this cache.' : 'No node matches.';
  return element(
    'section',
    { 'aria-label': 'Nodes' },
    element('div', { class: 'heading' }, element('h2', {}, 'Nodes'), filters(cache.nodes, all, shown, asks)),
    map(cache.map, asks),
    total === 0 ? element('p', { class: 'quiet' }, nothing) : table,
    pager({ key: 'nodes', rows, offset, total, onMove: asks.nodesAt }),
  );
}

function filters(perState, all, shown, asks) {
  const chipOf = (text, value, number) =>
    chip({
      key: `state ${value}`,
      kind: states[value],
      text,
      number,
      isChosen: value === shown.state,
      onChoose: () => asks.state(value),
    });
  const some = Object.entries(states).filter(([state, kind]) => perState[kind] > 0 || state === shown.state);
  const search = {
    ...{ type: 'search', value: shown.query, placeholder: 'Filter nodes', 'aria-label': 'Filter nodes by name' },
    ...{ 'data-key': 'nodes query', oninput: ({ target }) => asks.query(target.value) },
  };
  const group = { class: 'chips', role: 'group', 'aria-label': 'Show only nodes in the state' };
  return [
    element(
      'div',
      group,
      chipOf('All', '', all),
      some.map(([state, kind]) => chipOf(state, state, perState[kind])),
    ),
    element('input', search),
  ];
}

/** One square per node in the order of the table; a click goes to the node's place there. Hidden from screen readers: the table has the same content. */
function map(letters, asks) {
  if (letters === '') return '';
  const cells = [...letters].map((letter) => element('i', { 'data-kind': kindsOfLetters[letter] }));
  const onclick = ({ target }) => {
    const index = cells.indexOf(target);
    if (index >= 0) asks.nodesAt(index);
  };
  return element('div', { class: letters.length > 400 ? 'map small' : 'map', 'aria-hidden': 'true', onclick }, cells);
}

function nodeRows(row, shown, asks) {
  const isOpen = shown.node === row.node;
  const toggle = {
    ...{ type: 'button', class: 'toggle', 'data-key': `node ${row.node}`, 'aria-expanded': String(isOpen) },
    onclick: () => asks.node(row.node),
  };
  const isRetry = row.attempt > 1 && row.state !== 'Ready';
  const why = [row.reason, isRetry ? `attempt ${row.attempt}` : ''].filter((text) => text !== '').join(', ');
  const images = row.state === 'Skipped' ? `${row.desired} desired` : `${row.present}/${row.desired}`;
  const line = element(
    'tr',
    {},
    element('th', { scope: 'row' }, element('button', toggle, row.node)),
    element('td', {}, badge(states[row.state], row.state), element('span', { class: 'quiet' }, why)),
    element('td', {}, images),
  );
  if (!isOpen) return [line];
  return [line, element('tr', { class: 'detail' }, element('td', { colspan: 3 }, imagesOf(shown.nodeImages)))];
}

function imagesOf(found) {
  if (found === undefined) return element('p', { class: 'quiet' }, 'Reading …');
  const left = found.total - found.rows.length;
  return element(
    'ul',
    { class: 'images' },
    found.rows.map(imageLine),
    left > 0 ? element('li', { class: 'quiet' }, `and ${grouped(left)} more ${left === 1 ? 'image' : 'images'}`) : '',
  );
}

function imageLine({ image, state, reason, message }) {
  const why = [reason, message].filter((text) => text !== '').join(': ');
  const detail = why === '' ? '' : element('span', { class: 'why' }, why);
  return element('li', {}, badge(kindsOfImages[state], state), imageName(image), detail);
}
