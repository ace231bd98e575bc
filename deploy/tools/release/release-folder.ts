import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type ReleasedFile = { readonly name: string; readonly sha256: string };

/** The folder for the files of the release page. */
export type ReleaseFolder = {
  /** Writes a file; returns its SHA-256. */
  readonly put: (name: string, content: string | Buffer) => Promise<string>;
  /** Adds a file that exists already. */
  readonly take: (name: string) => Promise<void>;
  /** All files in the order of addition, with their SHA-256 in hexadecimal digits. */
  readonly files: () => readonly ReleasedFile[];
};

/** The folder, created if it does not exist. */
export const releaseFolder = async (folder: string): Promise<ReleaseFolder> => {
  const files: ReleasedFile[] = [];
  const add = (name: string, content: string | Buffer): string => {
    const sha256 = createHash('sha256').update(content).digest('hex');
    files.push({ name, sha256 });
    return sha256;
  };
  await mkdir(folder, { recursive: true });
  return {
    put: async (name, content) => {
      await writeFile(join(folder, name), content);
      return add(name, content);
    },
    take: async (name) => void add(name, await readFile(join(folder, name))),
    files: () => files,
  };
};
