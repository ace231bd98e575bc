import { failedOf, hasFailed, isUntried, pendingOf } from '#model/cache/image-states.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Meter } from '#runtime/process/metrics.ts';
import type { Clock } from '../clock.ts';
import type { SourceMetric } from '../source-metrics.ts';
import type { Change } from './resource.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { ledgerImages } from '#model/desired/placements.ts';

/** The current state of all ImageCaches, for the status page and metrics. */
export type KnownCaches = {
  /** By "namespace/name". */
  readonly caches: ReadonlyMap<string, ImageCache>;
  /** Increases with every change. */
  readonly revision: () => number;
  readonly onChange: (change: Change<ParsedCache>) => void;
};

/** The ImageCache that is kept beside its projection; undefined if it is invalid. */
export type ParsedCache = { readonly cache: ImageCache | undefined };

export function tryParse(object: unknown): ParsedCache {
  try {
    return { cache: parseImageCache(object) };
  } catch {
    return { cache: undefined };
  }
}

type Options = { readonly clock: Clock; readonly meter: Meter<SourceMetric> };

/** Keeps all caches, and records metrics of pulls and nodes with each change of a status. */
export function createKnownCaches({ clock, meter }: Options): KnownCaches {
  const caches = new Map<string, ImageCache>();
  const warmUp = createWarmUp();
  let revision = 0;
  return {
    caches,
    revision: () => revision,
    onChange: ({ reference: { namespace, name }, previous, current }) => {
      revision += 1;
      const key = `${namespace}/${name}`;
      if (current?.cache === undefined) caches.delete(key);
      else caches.set(key, current.cache);
      if (current === undefined && previous?.cache !== undefined) warmUp.forget(previous.cache);
      if (previous?.cache !== undefined && current?.cache !== undefined)
        recordMetrics({ before: previous.cache, after: current.cache, now: clock.now() }, warmUp, meter);
    },
  };
}

type Step = { readonly before: ImageCache; readonly after: ImageCache; readonly now: number };

function recordMetrics({ before, after, now }: Step, warmUp: WarmUp, meter: Meter<SourceMetric>): void {
  for (const [result, images] of Object.entries(pullResults(before, after)))
    if (images > 0) meter.record('imagecache_pulls_total', images, { result });
  const { round } = after.status;
  if (round !== undefined && round.number > (before.status.round?.number ?? 0))
    meter.record('imagecache_rounds_total', 1, { trigger: round.trigger });
  for (const { cause, ms } of warmUp.observe(before, after, now))
    meter.record('imagecache_node_warm_seconds', ms / 1000, { cause });
}

/** Numbers of images by pull result. */
export type PullResults = Readonly<Record<'succeeded' | 'failed' | 'lost', number>>;

/** Pull results between two states of a cache, of each attempt of a node that has ended. */
export function pullResults(before: ImageCache, after: ImageCache): PullResults {
  const results = { succeeded: 0, failed: 0, lost: 0 };
  for (const [name, entry] of Object.entries(before.status.nodes)) {
    const now = after.status.nodes[name];
    if (!isPulling(entry) || now === undefined || !isOver(entry, now)) continue;
    const { length: count } = ledgerImages(before, entry.desiredHash);
    const tried = pendingOf(entry, count).length;
    const failed = failuresOf(entry, now, count);
    if (failed === undefined) results.lost += tried;
    else {
      results.failed += failed;
      results.succeeded += Math.max(0, tried - failed);
    }
  }
  return results;
}

/** How many images failed; undefined if the attempt was lost: it has no results and is repeated. */
function failuresOf(before: LedgerEntry, after: LedgerEntry, count: number): number | undefined {
  if (after.state === 'Ready') return 0;
  // Images that are not tried on the node are none of its failures to pull.
  if (after.state === 'Failed' || after.opening !== undefined)
    return failedOf(after, count).filter((index) => !isUntried(after, index)).length;
  return !hasFailed(before) && hasFailed(after) ? failedOf(after, count).length : undefined;
}

/** Images that are opened were pulled before. */
const isPulling = ({ state, opening }: LedgerEntry): boolean => state === 'Pulling' && opening === undefined;

/** The next attempt may have started in the same write. */
const isOver = (before: LedgerEntry, after: LedgerEntry): boolean =>
  before.id === after.id &&
  before.desiredHash === after.desiredHash &&
  (!isPulling(after) || after.attempt !== before.attempt);

/** A node that has all desired images of a cache, and how many milliseconds that took. */
type Warmed = { readonly cause: Cause; readonly ms: number };
type Cause = 'joined' | 'created' | 'changed';

/** Measures the time from when images become desired on a node until the node has them. */
export type WarmUp = {
  /** Compares two consecutive states of a cache, and returns the nodes that became ready. */
  readonly observe: (before: ImageCache, after: ImageCache, now: number) => readonly Warmed[];
  readonly forget: (cache: ImageCache) => void;
};

type Start = { readonly since: number; readonly cause: Cause };

/** A refresh does not count: time starts when a node is added to the ledger or its desired images change. */
function createWarmUp(): WarmUp {
  const starts = new Map<string, Map<string, Start>>();
  return {
    observe: (before, after, now) => {
      const known = starts.get(after.uid) ?? new Map<string, Start>();
      starts.set(after.uid, known);
      for (const name of known.keys()) if (after.status.nodes[name] === undefined) known.delete(name);
      return Object.entries(after.status.nodes).flatMap(([name, { state }]) => {
        const cause = causeOf(before, after, name) ?? delayed(known.get(name), before.status.nodes[name]?.state);
        if (cause !== undefined) known.set(name, { since: now, cause });
        const start = known.get(name);
        if (start === undefined || state !== 'Ready') return [];
        known.delete(name);
        return [{ cause: start.cause, ms: now - start.since }];
      });
    },
    forget: ({ uid }) => void starts.delete(uid),
  };
}

/** Time while a node is skipped does not count. */
const delayed = (start: Start | undefined, was: string | undefined): Cause | undefined =>
  was === 'Skipped' ? start?.cause : undefined;

function causeOf(before: ImageCache, after: ImageCache, name: string): Cause | undefined {
  if (before.status.observedGeneration === undefined) return before.status.status === '' ? 'created' : undefined;
  const [was, is] = [before.status.nodes[name], after.status.nodes[name]];
  if (was === undefined || was.id !== is?.id) return 'joined';
  return was.desiredHash === is.desiredHash ? undefined : 'changed';
}
