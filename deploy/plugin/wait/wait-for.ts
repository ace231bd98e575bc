import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import type { Api } from '#runtime/api/api.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { exitCodes, UsageError } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { failureLines } from '../status/report-lines.ts';
import { report } from '../status/report.ts';
import { wrapped } from '../table.ts';
import { age, counted } from '../units.ts';
import { nextChange } from './next-change.ts';
import { currentCondition, waitStateOf, type WaitState } from './wait-state.ts';

export type WaitOptions = {
  readonly api: Api;
  readonly terminal: Terminal;
  /** Milliseconds. */
  readonly timeout: number;
  /** The exit code if the wait is over; undefined to continue. */
  readonly isOver: (cache: ImageCache) => number | undefined;
};

/** Waits for one cache, prints each change to standard error, and returns the exit code. Throws `UsageError` if the cache is deleted. */
export async function waitFor(
  reference: CacheReference,
  { api, terminal, timeout, isOver }: WaitOptions,
): Promise<number> {
  const signal = AbortSignal.timeout(timeout);
  const cluster = createCluster(api);
  let printed = '';
  for (;;) {
    const cache = await cluster.cache(reference);
    if (cache === undefined) throw new UsageError(`imagecaches.kubefledged.io "${reference.name}" not found`);
    const code = isOver(cache);
    if (code !== undefined) {
      terminal.print(progress(cache, code));
      if (code !== exitCodes.good) for (const line of whyLines(cache, terminal)) terminal.note(line);
      return code;
    }
    if (signal.aborted) {
      terminal.note(`error: timed out after ${age(timeout)}: ${progress(cache)}`);
      for (const line of whyLines(cache, terminal)) terminal.note(line);
      return exitCodes.timedOut;
    }
    if (progress(cache) !== printed) terminal.note((printed = progress(cache)));
    await nextChange(api, reference, { resourceVersion: cache.resourceVersion, signal });
  }
}

const codes: Readonly<Record<WaitState, number | undefined>> = {
  'in progress': undefined,
  done: exitCodes.good,
  failed: exitCodes.failed,
  suspended: exitCodes.failed,
};

/** The exit code once the round has ended; a suspended cache counts as failed. */
export const whenOver = (cache: ImageCache): number | undefined => codes[waitStateOf(cache)];

/** The exit code once all images of the current generation are present, after any number of rounds. */
export const whenReady = (cache: ImageCache): number | undefined =>
  currentCondition(cache, 'Ready')?.status === 'True' ? exitCodes.good : undefined;

/** The message of the status, then each image with the nodes that do not have it and the reason, as in `status`. */
function whyLines(cache: ImageCache, { colour, width = 80 }: Terminal): readonly string[] {
  const view = { colour, isWide: false, width, now: 0 };
  const message = wrapped(cache.status.message, width);
  return [...message, ...failureLines(report(cache), view)].filter((line) => line !== '');
}

/** `code`: the exit code of a wait that is over. */
function progress(cache: ImageCache, code?: number): string {
  const { name, status } = cache;
  const { desired, ready, failing, failed, held, skipped } = nodeCounts(status.nodes);
  const parts = [
    ...(desired === 0 ? [] : [`${ready} of ${counted(desired, 'node')} ready`]),
    ...(failing === 0 ? [] : [`${failing} failing`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(held === 0 ? [] : [`${held} held`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ];
  const state = code === exitCodes.good ? 'done' : waitStateOf(cache);
  return [`imagecache/${name} ${state}`, ...parts].join(', ');
}
