import { imageCacheKind, apiVersion, labels as ownLabels, managerLabelValue } from '#model/cache/api.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { selectsLabels } from '#model/cache/spec-schema.ts';
import { foundRoundTime } from '#model/found/find-images.ts';
import { madeCacheName } from '#model/knative/made-cache.ts';
import { type ImageSource, parseImageSource, revisions, type SourceKind } from '#model/workload/image-sources.ts';
import { batchOf } from '../queue/pending-changes.ts';
import type { Routing } from './router.ts';
import type { Resource, Change } from './resource.ts';
import { textsAt } from './json.ts';
import { fingerprint, isSignificant, type Projection } from './significance.ts';

/** A workload is significant when its Pods need something else, or when other caches select it. */
export type WorkloadProjection = Projection & { readonly labels: Readonly<Record<string, string>> };

/** What is watched of a kind of workloads: without our own Jobs and Pods. */
export const workloads = (kind: SourceKind): Resource<WorkloadProjection> => ({
  apiVersion: kind.api.replace(/^\/apis?\//, ''),
  kind: kind.kind,
  plural: kind.plural,
  isOfUsers: true,
  labelSelector: `${ownLabels.manager} notin (${managerLabelValue})`,
  project: (object) => {
    const labels = textsAt(object, 'metadata', 'labels');
    return { labels, fingerprint: fingerprint([readable(object, kind), Object.entries(labels).toSorted()]) };
  },
});

function readable(object: unknown, kind: SourceKind): ImageSource | undefined {
  try {
    return parseImageSource(object, kind);
  } catch {
    return undefined;
  }
}

export type WorkloadOptions = {
  readonly kinds: readonly SourceKind[];
  /** Least time in milliseconds between the rounds that workloads open for one cache. */
  readonly roundInterval: number;
  /** Namespaces whose Images of Knative get a cache; default none. */
  readonly knativeImages?: Settings['knativeImages'];
};

/** Milliseconds in which the workloads of one rollout change. */
const settleTime = 1_000;

/**
 * Reports changes of workloads to the caches of their namespace that select them now or did before, as a change of the cache:
 * once for all changes until it may open its next round. An Image whose namespace lacks the cache for it is reported as a
 * change of that cache, which is then made.
 */
export function createWorkloadRouter({
  queue,
  readable,
  now,
  workloads: { roundInterval: interval, knativeImages: madeIn = [] },
}: Routing): (change: Change<WorkloadProjection>) => void {
  const pending = new Set<string>();
  const report = (key: string, cache: ImageCache): void => {
    pending.add(key);
    const wait = Math.max(0, foundRoundTime(cache, interval, now()) - now());
    queue.addAfter(wait + settleTime, key, () => {
      pending.delete(key);
      const live = readable.get(key);
      if (live === undefined) return undefined;
      if (foundRoundTime(live, interval, now()) <= now()) return { of: 'cache', batch: changeOf(live) };
      // A round has opened meanwhile, which may not have this change yet.
      report(key, live);
      return undefined;
    });
  };
  const reportMissing = (key: string, { reference, uid, resourceVersion }: Change<WorkloadProjection>): void => {
    pending.add(key);
    queue.addAfter(settleTime, key, () => {
      pending.delete(key);
      const missing = { namespace: reference.namespace, name: madeCacheName, generation: undefined };
      return { of: 'cache', batch: changeOf({ ...missing, uid, resourceVersion }) };
    });
  };
  return (change: Change<WorkloadProjection>): void => {
    if (!isSignificant(change.previous, change.current)) return;
    for (const [key, cache] of readable) if (!pending.has(key) && isConcerned(cache, change)) report(key, cache);
    const { namespace, kind } = change.reference;
    const key = `${namespace}/${madeCacheName}`;
    const isImage = kind === revisions.kind && (madeIn === 'all' || madeIn.includes(namespace));
    if (isImage && change.current !== undefined && !readable.has(key) && !pending.has(key)) reportMissing(key, change);
  };
}

function isConcerned({ namespace, spec }: ImageCache, { reference, previous, current }: Change<WorkloadProjection>) {
  return (
    namespace === reference.namespace &&
    spec.lists.some(
      ({ imagesFrom }) =>
        imagesFrom?.kinds.includes(reference.kind) === true &&
        [previous, current].some((each) => each !== undefined && selectsLabels(imagesFrom.selector, each.labels)),
    )
  );
}

type Changed = CacheReference &
  Pick<ImageCache, 'uid' | 'resourceVersion'> & { readonly generation: number | undefined };

function changeOf({ namespace, name, uid, resourceVersion, generation }: Changed) {
  const object = { apiVersion, kind: imageCacheKind, namespace, name };
  return batchOf({ namespace, name }, { verb: 'update', object, uid, resourceVersion, generation });
}
