import { writeFile } from 'node:fs/promises';
import { ociArchive } from './oci.ts';
import { makeImages } from './make-images.ts';
import { type Options, readOptions, usage } from './options.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
const note = (line: string) => process.stderr.write(`${line}\n`);

const main = async (options: Options) => {
  const images = await makeImages(options, note);
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
