import { join } from 'node:path';

/** Folder of the page's files, in the image as here next to the program. */
export const assetFolder = join(import.meta.dirname, 'assets');

/** The page's files and their media types. */
export const assetTypes: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'elements.js': 'text/javascript; charset=utf-8',
  'overview.js': 'text/javascript; charset=utf-8',
  'detail.js': 'text/javascript; charset=utf-8',
  'nodes.js': 'text/javascript; charset=utf-8',
  'pager.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};
