import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { bundle, programs } from '../../deploy/images/bundle.ts';

export type Bundled = {
  /** The program that runs everything in one process. */
  readonly program: string;
  readonly remove: () => Promise<void>;
};

/** The product as it is in its image: bundled, which takes half the memory of its sources. */
export async function bundled(): Promise<Bundled> {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-bundled-'));
  for (const { path, content = '' } of await bundle({ standalone: programs.standalone }))
    await writeFile(join(folder, basename(path)), content);
  return { program: join(folder, 'standalone.mjs'), remove: () => rm(folder, { recursive: true }) };
}
