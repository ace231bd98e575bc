import { existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import * as z from 'zod/mini';

const root = join(import.meta.dirname, '../../..');
const manifest = readFileSync(join(root, 'node_modules/@kubernetes/client-node/package.json'), 'utf8');
const { version } = z.object({ version: z.string() }).parse(JSON.parse(manifest));
const file = join(tmpdir(), `imagecache-functions-client-${version}.mjs`);

const hook = pathToFileURL(join(import.meta.dirname, 'load-one-file.mjs'));

/** Has Node load the Kubernetes client from one file instead of 868, which halves the time in which a program starts from sources. */
export const oneFileClient = `--import=${hook.href}?client=${pathToFileURL(file).href}`;

/** CommonJS packages call `require`, which ES modules do not have. */
const requireForModules = `const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);`;

/** Builds the file unless an earlier run has. */
export async function setup(): Promise<void> {
  if (existsSync(file)) return;
  const unfinished = `${file}.${process.pid}`;
  await build({
    stdin: { contents: `export * from '@kubernetes/client-node';`, resolveDir: root },
    outfile: unfinished,
    bundle: true,
    minifyWhitespace: true, // Node reads all of it at each start
    format: 'esm',
    platform: 'node',
    banner: { js: requireForModules },
    logLevel: 'error',
  });
  await rename(unfinished, file);
}
