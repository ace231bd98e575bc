import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';
import * as z from 'zod/mini';
import { programs } from '../images/bundle.ts';

const root = join(import.meta.dirname, '../../..');
const manifest = z.object({ name: z.string(), version: z.string() });

/** `name@version` of every npm package of which code can have gone into the programs of the functions image; sorted. */
export const bundledPackages = async (
  entryPoints: Readonly<Record<string, string>> = programs,
): Promise<readonly string[]> => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'app',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  const folders = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolder(path) ?? []));
  const names = await Promise.all([...folders].map(nameAndVersion));
  return [...new Set(names)].toSorted();
};

/** The innermost package's folder: `node_modules/a/node_modules/@b/c/lib/d.js` is of `node_modules/a/node_modules/@b/c`. */
const packageFolder = (path: string): string | undefined =>
  /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];

const nameAndVersion = async (folder: string): Promise<string> => {
  const { name, version } = manifest.parse(JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')));
  return `${name}@${version}`;
};
