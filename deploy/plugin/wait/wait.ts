import { goDuration } from '#runtime/config/setting.ts';
import { type Command, type Flag, type Invocation, UsageError } from '../command.ts';
import { waitForImages } from './for-images.ts';
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

With --for-images, pull the images of Pods and workloads that are not applied yet to the nodes that their Pods may be scheduled to, and wait for them, so that the rollout that follows has no pull in it. If caches have them all there, nothing is done. Otherwise the cache rollout-KIND-NAME is applied in the namespace of the workload. It remains, so that nodes that join have the images, and the next call replaces its images; those that the workload in the cluster runs stay in it. Images that left it are removed from nodes as after any edit: never while a container uses them.

${exitCodesHelp('all images are present (or removed)')}`,
  examples: [
    ['Wait until the images are present, or fail', 'wait web'],
    ['Wait for success for up to an hour, over any number of rounds', 'wait web --for=ready --timeout=1h'],
    ['Pull the images of a rollout before it', 'wait --for-images -f deployment.yaml --timeout=10m'],
  ],
  usage: 'wait (NAME | --for-images -f FILE)',
  flags: [
    {
      name: 'for',
      value: 'STATE',
      fallback: 'over',
      help: 'over: the round has ended, successfully or not. ready: every node has its images; a failed round does not end the wait.',
    },
    { name: 'for-images', help: 'Pull the images of the Pods and workloads in files, and wait for them.' },
    {
      name: 'filename',
      short: 'f',
      value: 'FILE',
      isList: true,
      help: 'With --for-images: a file with Pods or workloads, in YAML or JSON; - is standard input. May be repeated.',
    },
    {
      name: 'delete',
      help: 'With --for-images: delete the cache when the wait has ended. The images stay on the nodes.',
    },
    timeoutFlag,
  ],
  nameCount: { min: 0, max: 1 },
  run: (invocation) => (invocation.isOn('for-images') ? runForImages(invocation) : runForCache(invocation)),
};

async function runForImages(invocation: Invocation): Promise<number> {
  const { names, text, texts } = invocation;
  if (names.length > 0) throw new UsageError(`unexpected "${names[0] ?? ''}": --for-images waits for files (-f)`);
  if (text('for') === 'ready') throw new UsageError('--for=ready does not apply to --for-images');
  if (texts('filename').length === 0) throw new UsageError('must specify --filename (-f)');
  return waitForImages(texts('filename'), timeoutOf(invocation), invocation);
}

async function runForCache(invocation: Invocation): Promise<number> {
  const { api, terminal, namespace, text, texts, isOn, names } = invocation;
  const [name] = names;
  if (texts('filename').length > 0 || isOn('delete'))
    throw new UsageError('--filename (-f) and --delete need --for-images');
  if (name === undefined) throw new UsageError('a name is missing: kubectl imagecache wait NAME');
  const state = text('for') ?? 'over';
  if (state !== 'over' && state !== 'ready') throw new UsageError(`--for must be over or ready, not "${state}"`);
  const isOver = state === 'ready' ? whenReady : whenOver;
  return waitFor({ namespace, name }, { api, terminal, timeout: timeoutOf(invocation), isOver });
}

/** The value of --timeout in milliseconds. Throws `UsageError` if it is not a duration. */
export function timeoutOf({ text }: Pick<Invocation, 'text'>): number {
  const given = text('timeout') ?? '';
  const milliseconds = goDuration(given);
  if (milliseconds === undefined || milliseconds <= 0)
    throw new UsageError(`--timeout is "${given}", expected a duration such as 90s, 10m or 1h`);
  return milliseconds;
}
