import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetFolder, assetTypes } from '../../../sources/status-page/assets.ts';
import { type Architecture, type Artifact, type Entry, image, imageIndex, layer } from './oci.ts';
import { bundle, crdFile, programs } from './bundle.ts';
import { compileCache } from './compile-cache.ts';
import { nodeRuntime, type Runtime, runtimeFor } from './node-runtime.ts';
import { functionsContainer } from './functions-container.ts';

/** What the status page is made of, where its program looks for it in the image. */
export const statusPageFiles = async (): Promise<readonly Entry[]> =>
  Promise.all(
    Object.keys(assetTypes).map(async (name) => ({
      path: `app/assets/${name}`,
      mode: 0o644,
      content: await readFile(join(assetFolder, name)),
    })),
  );

/** The files of the functions image, by layer: Node changes seldom, the programs with each version, and what is compiled of them with the processor. */
export type FunctionsRoot = {
  readonly runtime: readonly Entry[];
  readonly app: readonly Entry[];
  readonly cache: readonly Entry[];
};

/** Where a runtime is not this machine's, nothing can be compiled ahead for it: the image works without, and starts a little slower. */
export const functionsRoot = async (runtime: Runtime): Promise<FunctionsRoot> => {
  // Before the large layer: what can fail comes first.
  const app = [...(await bundle(programs)), ...(await statusPageFiles()), await crdFile()];
  return {
    runtime: await nodeRuntime(runtime),
    app,
    cache: runtime.isHost ? await compileCache(app, runtime.node) : [],
  };
};

/** The image of all profiles for one architecture. */
const imageFor = async (version: string, architecture: Architecture): Promise<Artifact> => {
  const { runtime, app, cache } = await functionsRoot(await runtimeFor(architecture));
  const layers = [runtime, app, cache].filter((entries) => entries.length > 0).map(layer);
  return image(architecture, await Promise.all(layers), functionsContainer(version));
};

/** The same for several architectures under one name; a single one needs no index. */
export const functionsImage = async (version: string, architectures: readonly Architecture[]): Promise<Artifact> => {
  const images: Artifact[] = [];
  for (const architecture of architectures) images.push(await imageFor(version, architecture));
  const [only] = images;
  return only !== undefined && images.length === 1 ? only : imageIndex(images);
};
