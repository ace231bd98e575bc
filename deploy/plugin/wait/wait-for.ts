import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { nodeCounts } from '#model/desired/serialize-status.ts';
import type { Api } from '#runtime/api/api.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { exitCodes, UsageError } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { counted } from '../words.ts';
import { nextChange } from './next-change.ts';
import { conditionNow, standing } from './standing.ts';

export type Waiting = {
  readonly api: Api;
  readonly terminal: Terminal;
  /** Milliseconds. */
  readonly timeout: number;
  /** Asked of every state of the cache: the exit code when the wait is over, undefined to go on. */
  readonly isOver: (cache: ImageCache) => number | undefined;
};

/** Waits for one cache, telling each change on standard error, and answers with the exit code. Throws `UsageError` if the cache is gone. */
export async function waitFor(reference: CacheReference, { api, terminal, timeout, isOver }: Waiting): Promise<number> {
  const signal = AbortSignal.timeout(timeout);
  const cluster = createCluster(api);
  let told = '';
  for (;;) {
    const cache = await cluster.cache(reference);
    if (cache === undefined) throw new UsageError(`imagecaches.kubefledged.io "${reference.name}" not found`);
    const code = isOver(cache);
    if (code !== undefined) {
      terminal.print(progress(cache));
      if (code !== exitCodes.good) terminal.note(cache.status.message);
      return code;
    }
    if (signal.aborted) {
      terminal.note(`error: timed out waiting for imagecache/${reference.name}: ${progress(cache)}`);
      return exitCodes.timedOut;
    }
    if (progress(cache) !== told) terminal.note((told = progress(cache)));
    await nextChange(api, reference, { resourceVersion: cache.resourceVersion, signal });
  }
}

/** The round is over: good, failed, or suspended, which is no success either. */
export function whenOver(cache: ImageCache): number | undefined {
  const { underWay, ...codes } = {
    underWay: undefined,
    good: exitCodes.good,
    failed: exitCodes.failed,
    suspended: exitCodes.failed,
  };
  const at = standing(cache);
  return at === 'under way' ? underWay : codes[at];
}

/** All images of this generation are there, however many rounds that takes. */
export const whenReady = (cache: ImageCache): number | undefined =>
  conditionNow(cache, 'Ready')?.status === 'True' ? exitCodes.good : undefined;

function progress(cache: ImageCache): string {
  const { name, status } = cache;
  const { desired, ready, failed } = nodeCounts(status.nodes);
  const word = { 'under way': 'under way', good: 'done', failed: 'failed', suspended: 'suspended' }[standing(cache)];
  const nodes = desired === 0 ? '' : `, ${ready} of ${counted(desired, 'node')} ready`;
  return `imagecache/${name} ${word}${nodes}${failed === 0 ? '' : `, ${failed} failed`}`;
}
