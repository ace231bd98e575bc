import { lstat, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';

export type LockFile = { readonly remove: () => Promise<void> };

/**
 * Creates the lock file that OpenFaaS may use as liveness probe; ignores failures, since the file system may be read-only.
 * Never opens a file that exists: in a folder that others write to, it could be a link to any file.
 */
export async function lockFile(folder: string | undefined, log: Logger): Promise<LockFile> {
  if (folder === undefined) return { remove: () => Promise.resolve() };
  const path = join(folder, '.lock');
  try {
    await (await open(path, 'wx')).close();
  } catch (err) {
    log.debug({ err, path }, 'no new lock file');
  }
  const remove = async (): Promise<void> => {
    // One that a killed process has left is as good; anything else is not ours.
    if ((await lstat(path)).isFile()) await rm(path);
  };
  return { remove: () => remove().catch(() => undefined) };
}
