import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { bundle } from '../images/bundle.ts';
import { tar } from '../images/tar.ts';

const root = join(import.meta.dirname, '../../..');

/** The kubectl plugin as a .tar.gz: one program for any system that has Node, our licence, and those of what is in it. */
export const pluginArchive = async (): Promise<Buffer> => {
  const files = await bundle({ 'kubectl-imagecache': 'deploy/plugin/main.ts' });
  const contentOf = (suffix: string): Buffer => {
    const found = files.filter(({ path }) => path.endsWith(suffix));
    const content = found[0]?.content;
    if (content === undefined || found.length > 1) throw new Error(`the plugin is not one file ${suffix}`);
    return content;
  };
  const program = Buffer.concat([Buffer.from('#!/usr/bin/env node\n'), contentOf('.mjs')]);
  const archive = await tar([
    { path: 'kubectl-imagecache', mode: 0o755, content: program },
    { path: 'LICENSE', mode: 0o644, content: await readFile(join(root, 'LICENSE')) },
    { path: 'THIRD-PARTY-LICENSES', mode: 0o644, content: contentOf('.LEGAL.txt') },
  ]);
  return promisify(gzip)(archive, { level: 9 });
};
