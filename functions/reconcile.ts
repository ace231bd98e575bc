import type { CacheReference, Notice } from '#model/cache/cloud-event.ts';
import { drive } from '#runtime/drive/drive.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { scopeOf } from '#runtime/drive/scope.ts';

/** Brings a cache whose spec is new, or whose nodes came, changed or went, on its way: opens the round, claims nodes, makes their Jobs. */
export const reconcile: Handler = async (notice, context) => {
  for (const cache of await concerned(notice, context))
    await drive(
      { cache, scope: (live) => scopeOf(notice, live, context.now()), opens: ['Spec', 'Adopted'], makes: 'pulls' },
      context,
    );
};

/** The cache that the notice tells. A Node that comes without one concerns every cache. */
async function concerned(notice: Notice, { cluster }: Context): Promise<readonly CacheReference[]> {
  if (notice.type === 'tick') return [];
  if (notice.object.kind === 'ImageCache' && notice.verb === 'delete') return [];
  if (notice.cache !== undefined) return [notice.cache];
  return notice.object.kind === 'Node' ? cluster.caches() : [];
}
