import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const page = readFileSync(join(import.meta.dirname, '../docs/review/kube-fledged-defects.md'), 'utf8');

/** The text of all tests and scenarios, in which each title is quoted. */
const tests = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(join(import.meta.dirname, path), 'utf8'))
  .join('\n');

const rows = page.split('\n').flatMap((line) => {
  const [, number = '', , here = ''] = line
    .split(' | ')
    .flatMap((cell, index) => (index === 0 ? ['', cell.replace('| ', '')] : [cell]));
  return /^\d+$/.test(number)
    ? [{ number: Number(number), names: [...here.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name) }]
    : [];
});

it('the page lists twenty defects', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
});

it.each(rows)('defect $number names tests that exist', ({ names }) => {
  expect(names.length).toBeGreaterThan(0);
  for (const name of names)
    expect(
      [`'${name}'`, `"${name}"`, `\`${name}\``].some((quoted) => tests.includes(quoted)),
      name,
    ).toBe(true);
});
