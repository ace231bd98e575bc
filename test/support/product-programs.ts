import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { programs } from '../../deploy/tools/images/bundle.ts';
import { appFiles } from '../../deploy/tools/images/functions-image.ts';

const root = join(import.meta.dirname, '../..');
/** Everything that decides what the bundles contain. */
const inputs = ['functions', 'sources', 'deploy'];
const prefix = 'imagecache-functions-programs-';
const aDay = 86_400_000;

let built: Promise<string> | undefined;

/** The folder with all programs as in the image: bundled, so that they start in a third of the time. Built once for the same sources. */
export const productPrograms = (): Promise<string> => (built ??= build());

/** The file of one program; by default the one that runs everything in one process. */
export const productProgram = async (name: keyof typeof programs = 'standalone'): Promise<string> =>
  join(await productPrograms(), `${name}.mjs`);

async function build(): Promise<string> {
  const folder = join(tmpdir(), `${prefix}${await productHash()}`);
  if (existsSync(folder)) return folder;
  return exclusively(`${folder}.lock`, async () => {
    if (existsSync(folder)) return folder;
    await removeOld();
    const unfinished = await mkdtemp(join(tmpdir(), prefix));
    for (const { path, content = '' } of await appFiles()) {
      const file = join(unfinished, path.replace(/^app\//, ''));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    await rename(unfinished, folder);
    return folder;
  });
}

/** Files that need the programs start together: if each built them, all would take four times as long. */
async function exclusively<T>(lock: string, work: () => Promise<T>): Promise<T> {
  while (!(await tryLock(lock))) await pause(20);
  try {
    return await work();
  } finally {
    await rm(lock);
  }
}

/** Whether this process has got the lock; the lock of a process that is gone is removed. */
async function tryLock(lock: string): Promise<boolean> {
  try {
    await symlink(String(process.pid), lock); // created with its content, unlike a file
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const holder = await readlink(lock).catch(() => undefined);
    if (holder !== undefined && !isRunning(Number(holder))) await rm(lock, { force: true });
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Identifies a state of the sources of the product, and of what it depends on. */
export async function productHash(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(root, 'package-lock.json')));
  for (const input of inputs)
    for (const entry of await readdir(join(root, input), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      hash.update(`\0${file.slice(root.length)}\0`).update(await readFile(file));
    }
  return hash.digest('hex').slice(0, 16);
}

/** Removes what earlier runs have left. */
async function removeOld(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const path = join(tmpdir(), name);
    if (Date.now() - (await lstat(path)).mtimeMs > aDay) await rm(path, { recursive: true, force: true });
  }
}
