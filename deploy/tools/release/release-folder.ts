import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type ReleasedFile = { readonly name: string; readonly sha256: string };

/** The folder that files for the release page are put into. */
export type ReleaseFolder = {
  /** Writes a file; answers with its SHA-256. */
  readonly put: (name: string, content: string | Buffer) => Promise<string>;
  /** Counts a file in that is there already. */
  readonly take: (name: string) => Promise<void>;
  /** Each with the SHA-256 of its bytes in hexadecimal digits, in the order in which they came. */
  readonly files: () => readonly ReleasedFile[];
};

/** The folder, made where it is not there. */
export const releaseFolder = async (folder: string): Promise<ReleaseFolder> => {
  const files: ReleasedFile[] = [];
  const count = (name: string, content: string | Buffer): string => {
    const sha256 = createHash('sha256').update(content).digest('hex');
    files.push({ name, sha256 });
    return sha256;
  };
  await mkdir(folder, { recursive: true });
  return {
    put: async (name, content) => {
      await writeFile(join(folder, name), content);
      return count(name, content);
    },
    take: async (name) => void count(name, await readFile(join(folder, name))),
    files: () => files,
  };
};
