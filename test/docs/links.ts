import { dirname, join, normalize } from 'node:path';
import { proseOf, type Page } from './pages.ts';

export type Link = {
  readonly page: string;
  /** Relative to the root. */ readonly path: string;
  readonly anchor: string;
};

/** Links and pictures of a page that point into the project. */
export const linksIn = (page: Page): readonly Link[] =>
  [...proseOf(page).matchAll(/\]\(([^()\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', anchor = ''] = target.split('#');
    const file = path === '' ? page.path : normalize(join(dirname(page.path), path));
    return [{ page: page.path, path: file, anchor }];
  });

/** The anchors that GitHub gives to a page's headings. */
export function anchorsIn(page: Page): ReadonlySet<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);
  return new Set(headings.map(anchorOf));
}

const anchorOf = (heading: string): string =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const path = /(?<![\w./-])(?:functions|sources|deploy|test|docs|crds|\.github|\.ci)\/[\w./@-]*(?![\w\\])/g;
/** What stands for a name, and a kind of kubectl's that is called as a folder is. */
const placeholder = /NAME|REGISTRY|^deploy\/imagecache-functions$/;

/** Paths of the project in a page's code, in spans and in blocks. */
export function pathsIn(page: Page): readonly string[] {
  const code = page.text.match(/^ *```[^]*?^ *```$|`[^`]+`/gm) ?? [];
  const paths = code.flatMap((each) => each.match(path) ?? []).map((each) => each.replace(/[./]+$/, ''));
  return paths.filter((each) => !placeholder.test(each));
}
