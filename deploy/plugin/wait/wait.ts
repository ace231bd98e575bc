import { goDuration } from '#runtime/config/go-duration.ts';
import { type Command, type Flag, type Invocation, UsageError } from '../command.ts';
import { waitFor, whenOver, whenReady } from './wait-for.ts';

export const timeoutFlag: Flag = {
  name: 'timeout',
  value: 'DURATION',
  fallback: '30m',
  help: 'The length of time to wait, such as 90s, 10m or 1h.',
};

export const exitCodesHelp = (done: string): string =>
  `Exit codes: 0 ${done}, 1 an error, 2 the round failed or the cache is suspended, 3 timed out.`;

export const wait: Command = {
  summary: 'Wait until the round of a cache has ended',
  description: `Wait until the round of a cache has ended, including a requested round that has not started.

${exitCodesHelp('all images are present (or removed)')}`,
  examples: [
    ['Wait until the images are present, or fail', 'wait web'],
    ['Wait for success for up to an hour, over any number of rounds', 'wait web --for=ready --timeout=1h'],
  ],
  usage: 'wait NAME',
  flags: [
    {
      name: 'for',
      value: 'STATE',
      fallback: 'over',
      help: 'over: the round has ended, successfully or not. ready: every node has its images; a failed round does not end the wait.',
    },
    timeoutFlag,
  ],
  nameCount: { min: 1, max: 1 },
  run: ({ names: [name = ''], namespace, ...invocation }) => {
    const state = invocation.text('for') ?? 'over';
    if (state !== 'over' && state !== 'ready') throw new UsageError(`--for must be over or ready, not "${state}"`);
    const { api, terminal } = invocation;
    const isOver = state === 'ready' ? whenReady : whenOver;
    return waitFor({ namespace, name }, { api, terminal, timeout: timeoutOf(invocation), isOver });
  },
};

/** The value of --timeout in milliseconds. Throws `UsageError` if it is not a duration. */
export function timeoutOf({ text }: Pick<Invocation, 'text'>): number {
  const given = text('timeout') ?? '';
  const milliseconds = goDuration(given);
  if (milliseconds === undefined || milliseconds <= 0)
    throw new UsageError(`--timeout is "${given}", expected a duration such as 90s, 10m or 1h`);
  return milliseconds;
}
