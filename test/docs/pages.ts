import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { trackedFiles } from '../../deploy/tools/release/versions.ts';

export const root = join(import.meta.dirname, '../..');

export type Page = {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
};

const pageAt = (path: string): Page => ({ path, text: readFileSync(join(root, path), 'utf8') });

/** Every page of the documentation. */
export const pages: readonly Page[] = (await trackedFiles(root)).filter((path) => path.endsWith('.md')).map(pageAt);

/** A page's text without its blocks of code, in which links and headings mean nothing. */
export const proseOf = ({ text }: Page): string => text.replace(/^ *```[^]*?^ *```$/gm, '');
