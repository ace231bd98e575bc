import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';

export type LockFile = { readonly remove: () => Promise<void> };

/** Creates the lock file that OpenFaaS may use as liveness probe; ignores failures, since the file system may be read-only. */
export async function lockFile(folder: string | undefined, log: Logger): Promise<LockFile> {
  const path = join(folder ?? tmpdir(), '.lock');
  try {
    await writeFile(path, '');
  } catch (err) {
    log.debug({ err, path }, 'no lock file');
  }
  return { remove: () => rm(path, { force: true }).catch(() => undefined) };
}
