import type { CacheReference, Notice } from '#model/cache/cloud-event.ts';
import { concernsLabels, concernsLedger } from '#model/desired/node-selector.ts';
import type { RoundReason } from '#model/round/next-round.ts';
import { drive } from '#runtime/drive/drive.ts';
import { queryFor } from '#runtime/drive/observe.ts';
import type { Context, Handler } from '#runtime/handler.ts';

/** Starts work on a cache whose spec is new, or whose nodes joined, changed or left: opens the round, starts nodes, creates their Jobs. */
export const reconcile: Handler = async (notice, context) => {
  const failures: unknown[] = [];
  for (const cache of await cachesOf(notice, context))
    await reconcileCache(cache, notice, context).catch((error: unknown) => failures.push(error));
  // The event is retried for the caches that failed; for the others it then has nothing to do.
  if (failures.length > 0) throw failures[0];
};

const reconcileCache = (cache: CacheReference, notice: Notice, context: Context): Promise<unknown> =>
  drive(
    { cache, query: (live) => queryFor(notice, live, context.now()), opens: opensFor(notice), makes: 'pulls' },
    context,
  );

/** Workloads are read for an event of the cache, by which our source also reports theirs, but not with each removal or write of the status. */
const opensFor = (notice: Notice): readonly RoundReason[] =>
  notice.type === 'change' &&
  notice.object.kind === 'ImageCache' &&
  notice.isRemoval !== true &&
  notice.isFromElsewhere !== true
    ? ['Spec', 'Adopted', 'Workloads']
    : ['Spec', 'Adopted'];

/** The cache that the notice names. A Node without one concerns every cache that selects it now, or did before. */
async function cachesOf(notice: Notice, { cluster }: Context): Promise<readonly CacheReference[]> {
  if (notice.type === 'tick') return [];
  if (notice.object.kind === 'ImageCache' && notice.verb === 'delete') return [];
  if (notice.cache !== undefined) return [notice.cache];
  if (notice.object.kind !== 'Node') return [];
  const { name } = notice.object;
  const [caches, node] = await Promise.all([cluster.caches(), cluster.node(name)]);
  return caches.filter((cache) => concernsLabels(cache, node?.labels ?? {}) || concernsLedger(cache, name));
}
