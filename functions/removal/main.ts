/** The program of removal Jobs: removes images over the runtime's socket and reports each outcome. Exit 0: all removed, absent or spared; 1: a failure; 2: usage error. */
import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  failedRemoval,
  terminationMessage,
  type RemovalOrder,
  type RemovalOutcome,
  type RemovalResult,
} from '#model/removal/removal-result.ts';
import { printable } from '#model/text/untrusted.ts';
import { createCri } from './cri.ts';
import { removeImages } from './remove-images.ts';

type Options = {
  readonly socket: string;
  readonly order: RemovalOrder;
  /** File to write the result to, if it exists. */
  readonly report: string;
};

const usage = `usage: removal.mjs --socket=PATH [--remove=REFERENCE]… [--keep=REFERENCE]… [--report=FILE]

Removes images from the container runtime behind a CRI socket, and spares what is still needed, or has a name that is not among those to remove.
--report  where the result is written, as JSON, if that file exists (default /dev/termination-log)`;

const several = { type: 'string', multiple: true, default: [] as string[] } as const;

/** Parses the command line. Throws an error with a message for the user. */
function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      socket: { type: 'string' },
      remove: several,
      keep: several,
      report: { type: 'string', default: '/dev/termination-log' },
    },
  });
  const { socket, remove, keep, report } = values;
  if (socket?.startsWith('/') !== true) throw new Error('--socket takes the path of a socket');
  return { socket, report, order: { remove, keep } };
}

/** Prints one line; escapes line breaks in names. */
const print = (line: string) => process.stdout.write(`${printable(line).replaceAll('\n', String.raw`\u000a`)}\n`);
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Writes the termination message; does nothing if the kubelet has not created the file. */
const report = async (path: string, message: string): Promise<void> => {
  try {
    const file = await open(path, 'r+');
    await file.truncate();
    await file.writeFile(message);
    await file.close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
};

const describe = (image: RemovalOutcome): string => {
  switch (image.outcome) {
    case 'failed':
      return `failed ${image.image}: ${image.message}`;
    case 'spared':
      return `spared ${image.image}: ${image.reason}${image.by === '' ? '' : `, ${image.by}`}`;
    case 'removed':
      return `removed ${image.image}: ${image.bytes} bytes`;
    case 'absent':
      return `absent ${image.image}`;
  }
};

const execute = async ({ socket, order }: Options): Promise<RemovalResult> => {
  const cri = createCri(socket);
  try {
    return await removeImages(cri, order);
  } catch (error) {
    return failedRemoval(reasonOf(error), order.remove.length);
  } finally {
    cri.close();
  }
};

const main = async (options: Options): Promise<void> => {
  const result = await execute(options);
  const { removed, absent, spared, failed } = result.counts;
  for (const image of result.images) print(describe(image));
  if (result.error !== '') print(result.error);
  print(`${removed} removed (${result.freedBytes} bytes), ${absent} absent, ${spared} spared, ${failed} failed`);
  await report(options.report, terminationMessage(result));
  process.exitCode = failed > 0 || result.error !== '' ? 1 : 0;
};

let options: Options | undefined;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`removal: ${reasonOf(error)}\n\n${usage}\n`);
}
if (options === undefined) process.exitCode = 2;
else await main(options);
