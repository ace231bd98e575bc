import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { environmentOf, functionsContainer, user } from '../../deploy/tools/images/functions-container.ts';
import { functionsRoot } from '../../deploy/tools/images/functions-image.ts';
import { hostArchitecture, runtimeFor } from '../../deploy/tools/images/runtime/node-runtime.ts';

export type UnpackedImage = {
  readonly node: string;
  /** The folder that is /app in the image. */
  readonly cwd: string;
  /** The image's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly remove: () => Promise<void>;
};

/** The programs of the functions image and their compile cache in a folder, for this machine's Node and the current user. */
export async function unpackedImage(): Promise<UnpackedImage> {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-image-'));
  const runtime = await runtimeFor(hostArchitecture());
  const { app, cache } = await functionsRoot(runtime);
  for (const { path, content = '' } of [...app, ...cache]) {
    const file = join(folder, path.replace(new RegExp(`-${user}/`), `-${process.getuid?.() ?? 0}/`));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  const cwd = join(folder, 'app');
  return {
    node: runtime.node,
    cwd,
    env: environmentOf(functionsContainer(''), cwd),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
