import { version } from '#runtime/version.ts';
import type { NamedArtifact } from './archive.ts';
import { credentialsFor } from './credentials.ts';
import { functionsImage } from './functions-image.ts';
import type { Artifact } from './image.ts';
import { hostArchitecture } from './node-runtime.ts';
import { noopImage } from './noop-image.ts';
import type { ImageName, Options } from './options.ts';
import { push } from './push.ts';
import { addressOf, repositoryAt } from './registry.ts';

/** Builds the images that the options ask for, and pushes each unless they name a file to write to. `note` hears what takes long. */
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
  const wanted = architectures ?? [hostArchitecture()];
  note(`imagecache-functions: ${wanted.map((each) => `linux/${each}`).join(', ')}`);
  return functionsImage(version, wanted);
};

const pushNamed = async (name: string, artifact: Artifact, { registry, isInsecure }: Options): Promise<void> => {
  const credentials = await credentialsFor(registry.split('/', 1)[0] ?? '', process.env);
  await push(repositoryAt(addressOf(`${registry}/${name}`, isInsecure), credentials), artifact, version);
};
