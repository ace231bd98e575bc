import { goDuration } from '#runtime/config/go-duration.ts';
import { type Command, type Flag, type Invocation, UsageError } from '../command.ts';
import { waitFor, whenOver, whenReady } from './wait-for.ts';

export const timeoutFlag: Flag = {
  name: 'timeout',
  value: 'DURATION',
  fallback: '30m',
  help: 'How long to wait, such as 90s, 10m or 1h.',
};

export const exitCodesMean =
  'Exit codes: 0 all images are there, 1 an error, 2 the round ended without some of them (or the cache is suspended), 3 timed out.';

export const wait: Command = {
  summary: 'Wait until the round of a cache is over',
  description: `Wait until the round of a cache is over, also one that was only asked for and has not begun.

${exitCodesMean}`,
  examples: [
    ['Go on when the images are there, or fail', 'wait web'],
    ['Wait for success, over as many rounds as it takes, for an hour', 'wait web --for=ready --timeout=1h'],
  ],
  usage: 'wait NAME',
  flags: [
    {
      name: 'for',
      value: 'STATE',
      fallback: 'over',
      help: 'over: the round has ended, well or not. ready: every node has its images; a round that fails does not end the wait.',
    },
    timeoutFlag,
  ],
  names: { least: 1, most: 1 },
  run: ({ names: [name = ''], namespace, ...invocation }) => {
    const state = invocation.text('for') ?? 'over';
    if (state !== 'over' && state !== 'ready') throw new UsageError(`--for is over or ready, not "${state}"`);
    const { api, terminal } = invocation;
    const isOver = state === 'ready' ? whenReady : whenOver;
    return waitFor({ namespace, name }, { api, terminal, timeout: timeoutOf(invocation), isOver });
  },
};

/** Milliseconds, as the flag says. Throws `UsageError` for what is no duration. */
export function timeoutOf({ text }: Pick<Invocation, 'text'>): number {
  const given = text('timeout') ?? '';
  const milliseconds = goDuration(given);
  if (milliseconds === undefined || milliseconds <= 0)
    throw new UsageError(`--timeout is "${given}", expected a duration such as 90s, 10m or 1h`);
  return milliseconds;
}
