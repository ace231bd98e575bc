import { labels } from '#model/api.ts';
import type { ImageCache } from '#model/image-cache.ts';
import type { Node } from '#model/node.ts';
import type { Observed } from '#model/observed.ts';
import { isFromKubeFledged, nextRound } from '#model/next-round.ts';
import type { Trigger } from '#model/round.ts';
import { isRoundOpen } from '#model/image-cache.ts';
import type { Context } from './handler.ts';
import { jobViews } from './job-views.ts';
import { observeChanged } from './observe-changed.ts';
import type { Scope } from './scope.ts';

/** Reads as much of the world as a decision on this cache needs. A cache that is to be begun, adopted or suspended needs all of it. */
export async function observe(
  cache: ImageCache,
  { scope, opens }: { readonly scope: Scope; readonly opens: readonly Trigger[] },
  context: Context,
): Promise<Observed> {
  if (scope === 'everything' || isDueForAll(cache, opens, context.now())) return observeEverything(cache, context);
  return observeChanged(cache, scope, context);
}

function isDueForAll(cache: ImageCache, opens: readonly Trigger[], now: number): boolean {
  if (opens.length === 0) return false;
  const request = nextRound(cache, now);
  if (request !== undefined) return opens.includes(request.trigger);
  return isFromKubeFledged(cache) || (cache.spec.suspend && isRoundOpen(cache.status));
}

async function observeEverything(cache: ImageCache, context: Context): Promise<Observed> {
  const { cluster } = context;
  const selector = `${labels.cacheUid}=${cache.uid}`;
  const [nodes, jobs, runAsUser] = await Promise.all([
    cluster.nodes(),
    cluster.jobs(cache.namespace, selector),
    cluster.userOf(cache.namespace),
  ]);
  const pods = jobs.length === 0 ? [] : await cluster.pods(cache.namespace, selector);
  return {
    nodes: byName(nodes),
    hasAllNodes: true,
    jobs: await jobViews(jobs, pods, context),
    hasAllJobs: true,
    goneJobs: new Set(),
    runAsUser,
  };
}

const byName = (nodes: readonly Node[]): ReadonlyMap<string, Node> => new Map(nodes.map((node) => [node.name, node]));
