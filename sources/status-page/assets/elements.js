/** An element with attributes, listeners (such as `onclick`) and children. Text is never markup: names and messages are untrusted input. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.flat(2).filter((child) => child !== ''));
  return made;
}

/** Replaces the content of an element, and keeps the focus on the element with the same data-key. */
export function show(place, ...children) {
  const { activeElement: before } = document;
  const key = place.contains(before) ? before.dataset.key : undefined;
  const caret = key === undefined ? undefined : before.selectionStart;
  place.replaceChildren(...children);
  if (key === undefined) return;
  const after = place.querySelector(`[data-key="${CSS.escape(key)}"]`);
  after?.focus({ preventScroll: true });
  if (typeof caret === 'number') after?.setSelectionRange(caret, caret);
}

/** 1,234 */
export const grouped = (number) => number.toLocaleString('en');
export const count = (number, word) => `${grouped(number)} ${word}${number === 1 ? '' : 's'}`;

export const badge = (kind, text) => element('span', { class: 'badge', 'data-kind': kind }, text);

/** A button that selects one of several filters, with the number of matches. */
export const chip = ({ key, kind, text, number, isChosen, onChoose }) =>
  element(
    'button',
    {
      ...{ type: 'button', class: 'chip', 'data-key': key, 'data-kind': kind },
      'aria-pressed': String(isChosen),
      onclick: onChoose,
    },
    `${text} `,
    element('span', { class: 'number' }, grouped(number)),
  );

export const headRow = (...texts) =>
  element(
    'thead',
    {},
    element(
      'tr',
      {},
      texts.map((text) => element('th', { scope: 'col' }, text)),
    ),
  );

/** A cell with a bar of parts, each as wide as its number, and the same in words: screen readers skip the bar. */
export function counts(parts, words) {
  const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
  for (const [kind, number] of Object.entries(parts)) {
    if (number === 0) continue;
    const part = element('span', { 'data-kind': kind });
    part.style.flexGrow = String(number);
    bar.append(part);
  }
  return element('td', {}, element('div', { class: 'counts' }, bar, element('span', {}, words)));
}

/** An image reference, with its last part emphasised. */
export function imageName(image, digest = '') {
  const from = image.split('@')[0].lastIndexOf('/') + 1;
  const prefix = from === 0 ? '' : element('span', { class: 'quiet' }, image.slice(0, from));
  return element(
    'code',
    { title: digest === '' ? undefined : digest },
    prefix,
    element('wbr'),
    element('span', { class: 'tail' }, image.slice(from)),
  );
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** A relative time, with the exact one as its title. */
export function time(at) {
  if (at === undefined) return element('span', { class: 'quiet' }, '–');
  const away = at - Date.now();
  const [unit, size] = units.find(([, length]) => Math.abs(away) >= length) ?? units[3];
  const exact = new Date(at);
  const words = relative.format(Math.trunc(away / size), unit);
  return element('time', { datetime: exact.toISOString(), title: exact.toLocaleString() }, words);
}
