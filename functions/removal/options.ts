import { parseArgs } from 'node:util';
import type { RemovalOrder } from '#model/removal/removal-result.ts';

export type Options = {
  readonly socket: string;
  readonly order: RemovalOrder;
  /** File to write the result to, if it exists. */
  readonly report: string;
};

export const usage = `usage: removal.mjs --socket=PATH [--purge=any|own] [--remove=REFERENCE]… [--keep=REFERENCE]… [--report=FILE]

Removes images from the container runtime behind a CRI socket, and spares what is still needed.
--purge=own  spares images that have a name which is not among those to remove
--report     where the result is written, as JSON, if that file exists (default /dev/termination-log)`;

const several = { type: 'string', multiple: true, default: [] as string[] } as const;

/** Parses the command line. Throws an error with a message for the user. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      socket: { type: 'string' },
      purge: { type: 'string', default: 'any' },
      remove: several,
      keep: several,
      report: { type: 'string', default: '/dev/termination-log' },
    },
  });
  const { socket, purge, remove, keep, report } = values;
  if (socket?.startsWith('/') !== true) throw new Error('--socket takes the path of a socket');
  if (purge !== 'any' && purge !== 'own') throw new Error(`--purge takes any or own, not ${purge}`);
  return { socket, report, order: { remove, keep, purge } };
}
