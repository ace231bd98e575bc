import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';

export type LockFile = { readonly remove: () => Promise<void> };

/** OpenFaaS may ask for life by a file rather than by HTTP. A read-only file system costs only that, so failing is no error. */
export async function lockFile(folder: string | undefined, log: Logger): Promise<LockFile> {
  const path = join(folder ?? tmpdir(), '.lock');
  try {
    await writeFile(path, '');
  } catch (err) {
    log.debug({ err, path }, 'no lock file');
  }
  return { remove: () => rm(path, { force: true }).catch(() => undefined) };
}
