/** `npm run release`: everything of a release except signatures and the release page. */
import { runProgram } from '../run-program.ts';
import { readReleaseOptions, usage } from './options.ts';
import { release } from './release.ts';

await runProgram({
  ...{ name: 'release', usage, readOptions: readReleaseOptions },
  run: async (options) => {
    const { images, chart } = await release(options, (line) => process.stderr.write(`${line}\n`));
    for (const { repository, digest } of [...images, chart]) process.stdout.write(`${repository}@${digest}\n`);
  },
});
