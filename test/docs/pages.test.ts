import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsIn, linksIn, pathsIn } from './links.ts';
import { pages, root } from './pages.ts';

const byPath = new Map(pages.map((page) => [page.path, page]));

describe.each(pages)('$path', (page) => {
  it('links to what exists, headings included', () => {
    const broken = linksIn(page).filter(({ path, anchor }) => {
      const target = byPath.get(path);
      if (target === undefined || anchor === '') return !existsSync(join(root, path));
      return !anchorsIn(target).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names only paths that exist', () => {
    expect(pathsIn(page).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('wraps at 120 columns, but for tables and what cannot be broken', () => {
    const long = page.text.split('\n').filter((line) => line.length > 120 && !line.startsWith('|'));
    expect(long.filter((line) => /\s/.test(line.trim().replaceAll(/`[^`]*`/g, '')))).toEqual([]);
  });
});

it('the README takes ten minutes to read', () => {
  const { text = '' } = byPath.get('README.md') ?? {};
  expect(text.split(/\s+/).filter((word) => word !== '').length).toBeLessThanOrEqual(900);
});

it.each(['docs/README.md', 'docs/decisions/README.md', 'docs/review/README.md'])(
  '%s lists every page of its folder',
  (index) => {
    const page = byPath.get(index);
    const listed = new Set(page === undefined ? [] : linksIn(page).map(({ path }) => path));
    const folder = index.replace('README.md', '');
    const here = [...byPath.keys()].filter(
      (path) => path.startsWith(folder) && !path.slice(folder.length).includes('/'),
    );
    expect(here.filter((path) => path !== index && !listed.has(path))).toEqual([]);
  },
);
