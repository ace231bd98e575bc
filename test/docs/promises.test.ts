import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
const rows = ['Promises and their tests', 'Tried'].flatMap((title) => {
  const [, section = ''] = new RegExp(`^## ${title}$(.*?)^## `, 'ms').exec(page) ?? [];
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2);
});

/** A title in the source of a test, in which a value stands where the page has %s or %i. */
const titleIn = (source: string, title: string): boolean => {
  const parts = title.split(/%[si]/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`['"\`]${parts.join('(?:%[si]|\\$\\{[^}]*\\})')}['"\`]`).test(source);
};

it('security.md names a test for each promise', () => {
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.filter((row) => !/\| `test\/[^`]+\.test\.ts`: "[^"]+" \|$/.test(row))).toEqual([]);
});

it.each(rows.map((row) => [row.split(' | ')[0]?.slice(2) ?? '', row]))('there is the test of: %s', (_, row) => {
  const [, file = '', title = ''] = /`(test\/[^`]+)`: "([^"]+)"/.exec(row) ?? [];
  expect(titleIn(readFileSync(join(root, file), 'utf8'), title), `${file}: ${title}`).toBe(true);
});

it('security.md has the same rows for each mode of tenancy', () => {
  const [trusted = [], isolated = []] = ['Trusted', 'Isolated'].map((mode) => {
    const [, section = ''] = new RegExp(`^### ${mode}$(.*?)^##`, 'ms').exec(page) ?? [];
    return section.split('\n').flatMap((line) => /^\| (.+?) \|(?: .+ \|){3}$/.exec(line)?.[1] ?? []);
  });
  expect(trusted.length).toBeGreaterThan(10);
  expect(isolated).toEqual(trusted);
});
