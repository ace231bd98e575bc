import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '#runtime/errors.ts';

/** A folder of this process alone. Its removal is synchronous, so that a process can do it as its last act. Throws `ConfigError`. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const parent = tmpdir();
  try {
    const path = mkdtempSync(join(parent, 'imagecache-functions-'));
    return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ConfigError(`cannot make a folder in ${parent}: ${code}; set TMPDIR to a folder that can be written`, {
      cause: error,
    });
  }
}
