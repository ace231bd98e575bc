import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '#runtime/errors.ts';

/** Creates a folder for this process. Its removal is synchronous, so it can run in an exit handler. Throws `ConfigError`. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const parent = tmpdir();
  try {
    const path = mkdtempSync(join(parent, 'imagecache-functions-'));
    return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ConfigError(`cannot create a folder in ${parent}: ${code}; set TMPDIR to a writable folder`, {
      cause: error,
    });
  }
}
