/** `npm run release`: all of a release that needs no signature and no release page. */
import { release } from './release.ts';
import { readReleaseOptions, usage, type ReleaseOptions } from './options.ts';

const note = (line: string) => process.stderr.write(`${line}\n`);

const reasonsOf = (error: unknown): string =>
  error instanceof Error
    ? [error.message, ...(error.cause === undefined ? [] : [reasonsOf(error.cause)])].join(': ')
    : String(error);

const optionsOrUsage = (): ReleaseOptions | undefined => {
  try {
    return readReleaseOptions(process.argv.slice(2));
  } catch (error) {
    note(`release: ${reasonsOf(error)}\n\n${usage}`);
    return undefined;
  }
};

const options = optionsOrUsage();
if (options === undefined) process.exitCode = 2;
else
  try {
    const { images, chart } = await release(options, note);
    for (const { repository, digest } of [...images, chart]) process.stdout.write(`${repository}@${digest}\n`);
  } catch (error) {
    note(`release: ${reasonsOf(error)}`);
    process.exitCode = 1;
  }
