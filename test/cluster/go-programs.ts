import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { runWell } from './run.ts';

const buildTimeout = 600_000;

/**
 * Builds the programs of a Go module into the lab's cache if they are missing: those of its folder ('.') or the tools in its go.mod ('tool').
 * Returns their folder, which differs after a change of the module's files.
 */
export async function goPrograms(module: string, packages: '.' | 'tool'): Promise<string> {
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const cache = process.env['LAB_CACHE'] ?? join(caches, 'imagecache-functions');
  const folder = join(cache, `${basename(module)}-${await hashOf(module)}`);
  if (!existsSync(folder)) await build(module, packages, folder);
  return folder;
}

async function hashOf(module: string): Promise<string> {
  const names = (await readdir(module)).filter((name) => /^go\.(mod|sum)$|\.go$/.test(name)).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(module, name))));
  return createHash('sha256').update(Buffer.concat(texts)).digest('hex').slice(0, 12);
}

/** Moved into place when the build is complete, so that no process runs a partial program; a concurrent second build is discarded. */
async function build(module: string, packages: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const made = await mkdtemp(`${folder}-build-`);
  try {
    const env = { ...process.env, CGO_ENABLED: '0', GOBIN: made };
    const flags = ['-C', module, 'install', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', packages];
    await runWell('go', flags, { env, timeout: buildTimeout });
    if (!existsSync(folder)) await rename(made, folder);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
