import { element, grouped } from './elements.js';

const size = 50;

/** Buttons to the other pages of a list, if there are any. */
export function pager({ key, rows, offset, total, onMove }) {
  if (rows.length === total) return '';
  const end = offset + rows.length;
  const button = (text, to, isPossible) =>
    element(
      'button',
      { type: 'button', class: 'chip', 'data-key': `${key} ${text}`, disabled: !isPossible, onclick: () => onMove(to) },
      text,
    );
  return element(
    'nav',
    { class: 'pager', 'aria-label': `Pages of ${key}` },
    button('Previous', Math.max(0, offset - size), offset > 0),
    element('span', { class: 'quiet' }, `${grouped(offset + 1)}–${grouped(end)} of ${grouped(total)}`),
    button('Next', end, end < total),
  );
}
