import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { bundle, programs } from '../../deploy/tools/images/bundle.ts';

export type Bundled = {
  /** The program; by default the one that runs everything in one process. */
  readonly program: string;
  readonly remove: () => Promise<void>;
};

/** The product as in its image: bundled, which needs half the memory of the sources. */
export async function bundled(name: keyof typeof programs = 'standalone'): Promise<Bundled> {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-bundled-'));
  for (const { path, content = '' } of await bundle({ [name]: programs[name] }))
    await writeFile(join(folder, basename(path)), content);
  return { program: join(folder, `${name}.mjs`), remove: () => rm(folder, { recursive: true }) };
}
