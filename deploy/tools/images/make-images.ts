import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { version } from '#runtime/version.ts';
import { type Architecture, type Artifact, image, imageIndex, layer, type NamedArtifact } from './oci.ts';
import { addressOf, credentialsFor, push, repositoryAt } from './registry.ts';
import { functionsImage } from './functions-image.ts';
import { hostArchitecture } from './runtime/node-runtime.ts';
import type { ImageName, Options } from './options.ts';

const programs = join(import.meta.dirname, '../../noop');

const noopFor = async (architecture: Architecture): Promise<Artifact> => {
  const content = await readFile(join(programs, `noop-${architecture}`));
  const program = await layer([{ path: 'noop', mode: 0o755, content }]);
  return image(architecture, [program], { User: '65532:65532', Entrypoint: ['/noop'], WorkingDir: '/' });
};

/** The image that pull Jobs run: one program of 1 kB per architecture. Its digest is reproducible. */
export const noopImage = async (): Promise<Artifact> => imageIndex([await noopFor('amd64'), await noopFor('arm64')]);

/** Builds the images that the options select, and pushes them unless an output file is set. `note` reports progress. */
export const makeImages = async (options: Options, note: (line: string) => void): Promise<readonly NamedArtifact[]> => {
  const images: NamedArtifact[] = [];
  for (const each of options.only === undefined ? (['functions', 'noop'] as const) : [options.only]) {
    const name = `imagecache-${each}`;
    const artifact = await build(each, options, note);
    if (options.output === undefined) await pushNamed(name, artifact, options);
    images.push({ reference: `${options.registry}/${name}:${version}`, artifact });
  }
  return images;
};

const build = (name: ImageName, { architectures }: Options, note: (line: string) => void): Promise<Artifact> => {
  if (name === 'noop') return noopImage();
  const selected = architectures ?? [hostArchitecture()];
  note(`imagecache-functions: ${selected.map((each) => `linux/${each}`).join(', ')}`);
  return functionsImage(version, selected);
};

const pushNamed = async (name: string, artifact: Artifact, { registry, isInsecure }: Options): Promise<void> => {
  const credentials = await credentialsFor(registry.split('/', 1)[0] ?? '', process.env);
  await push(repositoryAt(addressOf(`${registry}/${name}`, isInsecure), credentials), artifact, version);
};
