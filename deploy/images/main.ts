import { writeFile } from 'node:fs/promises';
import { version } from '#runtime/version.ts';
import { ociArchive, type NamedArtifact } from './archive.ts';
import { credentialsFor } from './credentials.ts';
import { functionsImage } from './functions-image.ts';
import type { Artifact } from './image.ts';
import { hostArchitecture } from './node-runtime.ts';
import { noopImage } from './noop-image.ts';
import { readOptions, usage, type ImageName, type Options } from './options.ts';
import { push } from './push.ts';
import { addressOf, repositoryAt } from './registry.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
const note = (line: string) => process.stderr.write(`${line}\n`);

const build = (name: ImageName, { architectures }: Options): Promise<Artifact> => {
  if (name === 'noop') return noopImage();
  const wanted = architectures ?? [hostArchitecture()];
  note(`imagecache-functions: ${wanted.map((each) => `linux/${each}`).join(', ')}`);
  return functionsImage(version, wanted);
};

const pushNamed = async (name: string, { artifact }: NamedArtifact, { registry, isInsecure }: Options) => {
  const repository = `${registry}/${name}`;
  const credentials = await credentialsFor(registry.split('/', 1)[0] ?? '', process.env);
  await push(repositoryAt(addressOf(repository, isInsecure), credentials), artifact, version);
};

const main = async (options: Options) => {
  const images: NamedArtifact[] = [];
  for (const each of options.only === undefined ? (['functions', 'noop'] as const) : [options.only]) {
    const name = `imagecache-${each}`;
    const named = { reference: `${options.registry}/${name}:${version}`, artifact: await build(each, options) };
    if (options.output === undefined) await pushNamed(name, named, options);
    images.push(named);
  }
  if (options.output !== undefined) await writeFile(options.output, await ociArchive(images));
  for (const { reference, artifact } of images) say(`${reference}@${artifact.root.descriptor.digest}`);
};

/** Every reason on the way down, as the first alone (`fetch failed`) often says nothing. */
const reasonsOf = (error: unknown): string =>
  error instanceof Error
    ? [error.message, ...(error.cause === undefined ? [] : [reasonsOf(error.cause)])].join(': ')
    : String(error);

const optionsOrUsage = (): Options | undefined => {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    note(`images: ${reasonsOf(error)}\n\n${usage}`);
    return undefined;
  }
};

const options = optionsOrUsage();
if (options === undefined) process.exitCode = 2;
else
  await main(options).catch((error: unknown) => {
    note(`images: ${reasonsOf(error)}`);
    process.exitCode = 1;
  });
