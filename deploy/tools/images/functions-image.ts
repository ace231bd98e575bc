import type { Architecture } from './blob.ts';
import { functionsContainer } from './functions-container.ts';
import { functionsRoot } from './functions-root.ts';
import { image, imageIndex, type Artifact } from './image.ts';
import { layer } from './layer.ts';
import { runtimeFor } from './node-runtime.ts';

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
