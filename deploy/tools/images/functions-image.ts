import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetFolder, assetTypes } from '../../../sources/status-page/status-page.ts';
import { type Architecture, type Artifact, type Entry, image, imageIndex, layer } from './oci.ts';
import { bundle, crdFile, programs } from './bundle.ts';
import { compileCache } from './compile-cache.ts';
import { nodeRuntime, type Runtime, runtimeFor } from './runtime/node-runtime.ts';
import { functionsContainer } from './functions-container.ts';

/** The assets of the status page. */
export const statusPageFiles = async (): Promise<readonly Entry[]> =>
  Promise.all(
    Object.keys(assetTypes).map(async (name) => ({
      path: `app/assets/${name}`,
      mode: 0o644,
      content: await readFile(join(assetFolder, name)),
    })),
  );

/** The programs, and the files that they read. */
export const appFiles = async (): Promise<readonly Entry[]> => [
  ...(await bundle(programs)),
  ...(await statusPageFiles()),
  await crdFile(),
];

/** The files of the functions image by layer: Node, which rarely changes, the programs, and their compile cache. */
export type FunctionsRoot = {
  readonly runtime: readonly Entry[];
  readonly app: readonly Entry[];
  readonly cache: readonly Entry[];
};

/** Without a compile cache for another architecture than this machine's; there programs start a little slower. */
export const functionsRoot = async (runtime: Runtime): Promise<FunctionsRoot> => {
  // First, because it can fail: the runtime layer takes long.
  const app = await appFiles();
  return {
    runtime: await nodeRuntime(runtime),
    app,
    cache: runtime.isHost ? await compileCache(app, runtime.node) : [],
  };
};

/** The image for one architecture. */
const imageFor = async (version: string, architecture: Architecture): Promise<Artifact> => {
  const { runtime, app, cache } = await functionsRoot(await runtimeFor(architecture));
  const layers = [runtime, app, cache].filter((entries) => entries.length > 0).map(layer);
  return image(architecture, await Promise.all(layers), functionsContainer(version));
};

/** The functions image for these architectures; an index if there are several. */
export const functionsImage = async (version: string, architectures: readonly Architecture[]): Promise<Artifact> => {
  const images: Artifact[] = [];
  for (const architecture of architectures) images.push(await imageFor(version, architecture));
  const [only] = images;
  return only !== undefined && images.length === 1 ? only : imageIndex(images);
};
