/** `npm run images`: builds the images without Docker, and pushes them or writes them to a file. */
import { writeFile } from 'node:fs/promises';
import { runProgram } from '../run-program.ts';
import { makeImages } from './make-images.ts';
import { ociArchive } from './oci.ts';
import { readOptions, usage } from './options.ts';

await runProgram({
  ...{ name: 'images', usage, readOptions },
  run: async (options) => {
    const images = await makeImages(options, (line) => process.stderr.write(`${line}\n`));
    if (options.output !== undefined) await writeFile(options.output, await ociArchive(images));
    for (const { reference, artifact } of images)
      process.stdout.write(`${reference}@${artifact.root.descriptor.digest}\n`);
  },
});
