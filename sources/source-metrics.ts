import type { Definitions, Metrics, Sample } from '#runtime/process/metrics.ts';
import { statusValues, type Condition, type ImageCache } from '#model/cache/image-cache.ts';
import { type LedgerEntry, nodeStates, stateOf, waitsForRegistry } from '#model/cache/ledger.ts';
import { blockedNodes } from '#model/cache/failures.ts';
import { removalStates } from '#model/cache/removal-ledger.ts';
import type { Sources } from './start-sources.ts';

const long = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600];

/** Metrics of the source: only the leader reports them, so that replicas are not counted twice. */
export const sourceMetrics = {
  imagecache_leader: {
    type: 'gauge',
    help: '1 in the process that holds the Lease and sends events, else 0',
    labels: [],
  },
  imagecache_source_synced: {
    type: 'gauge',
    help: '1 once all objects are known and events are delivered, or while standing by; else 0',
    labels: [],
  },
  imagecache_queue_depth: { type: 'gauge', help: 'Batches of changes pending delivery', labels: [] },
  imagecache_queue_oldest_seconds: { type: 'gauge', help: 'Age of the oldest pending batch in seconds', labels: [] },
  imagecache_deliveries_total: {
    type: 'counter',
    help: 'Events sent to functions by kind of object and outcome: delivered, retry (sent again), refused (dropped)',
    labels: ['kind', 'outcome'],
  },
  imagecache_watch_restarts_total: {
    type: 'counter',
    help: 'Watches that ended, by cause: ended (by the server), expired (list again), stalled (no data), failed',
    labels: ['resource', 'cause'],
  },
  imagecache_caches: { type: 'gauge', help: 'ImageCaches by status; New has no status yet', labels: ['status'] },
  imagecache_cache_conditions: {
    type: 'gauge',
    help: 'ImageCaches of which a condition is True, by its type: Ready, Reconciling, Stalled, Failing',
    labels: ['type'],
  },
  imagecache_cache_nodes: {
    type: 'gauge',
    help: 'Nodes by state, summed over all ImageCaches',
    labels: ['state'],
  },
  imagecache_cache_removals: {
    type: 'gauge',
    help: 'Nodes with image removals by state, summed over all ImageCaches',
    labels: ['state'],
  },
  imagecache_found_images: {
    type: 'gauge',
    help: 'Images of workloads by state, summed over all ImageCaches: Named, or Kept although no workload names them any more',
    labels: ['state'],
  },
  imagecache_unread_workloads: {
    type: 'gauge',
    help: 'ImageCaches for which workloads could not be read, or not all of them: status.imagesFrom.problem says why',
    labels: [],
  },
  imagecache_blocked_nodes: {
    type: 'gauge',
    help: 'Nodes of which ImageCaches report PullsBlocked: a pull that does not end keeps the others waiting',
    labels: [],
  },
  imagecache_gated_nodes: { type: 'gauge', help: 'Nodes with a startup taint of the warm gate', labels: [] },
  imagecache_gated_node_age_seconds: {
    type: 'gauge',
    help: 'Age of the oldest node with a startup taint of the warm gate in seconds; 0 without one',
    labels: [],
  },
  imagecache_rounds_total: {
    type: 'counter',
    help: 'Rounds that opened, by trigger: Spec, Workloads, Annotation, Schedule, Adopted, Deletion',
    labels: ['trigger'],
  },
  imagecache_pulls_total: {
    type: 'counter',
    help: 'Image pulls by result of each attempt: succeeded, failed, lost (with its Pod)',
    labels: ['result'],
  },
  imagecache_pull_pod_duration_seconds: {
    type: 'histogram',
    help: 'Seconds that succeeded pull Pods took, from their start to the end of their last container',
    labels: [],
    buckets: long,
  },
  imagecache_node_warm_seconds: {
    type: 'histogram',
    help: 'Seconds until a node had all images of a cache, since the node joined or the cache was created or changed',
    labels: ['cause'],
    buckets: long,
  },
} as const satisfies Definitions<string>;
export type SourceMetric = keyof typeof sourceMetrics;

type Observable = Pick<Sources, 'leads' | 'synced' | 'queue' | 'caches' | 'gatedNodes'>;

/** Registers gauges of the sources. Only the leader reports caches, because only it watches them. */
export function observeSources(metrics: Pick<Metrics<SourceMetric>, 'gauge'>, sources: Observable): void {
  const { gauge } = metrics;
  gauge('imagecache_leader', () => one(Number(sources.leads())));
  gauge('imagecache_source_synced', () => one(Number(sources.synced())));
  gauge('imagecache_queue_depth', () => one(sources.queue().depth));
  gauge('imagecache_queue_oldest_seconds', () => one(sources.queue().age / 1000));
  const whileLeading = (read: (caches: readonly ImageCache[]) => readonly Sample[]) => (): readonly Sample[] =>
    sources.leads() ? read([...sources.caches().values()]) : [];
  gauge('imagecache_caches', whileLeading(byStatus));
  gauge('imagecache_cache_conditions', whileLeading(byCondition));
  gauge(
    'imagecache_cache_nodes',
    whileLeading((caches) =>
      byState(
        [...nodeStates, waiting],
        caches.flatMap(({ status }) => Object.values(status.nodes).map((entry) => ({ state: shownState(entry) }))),
      ),
    ),
  );
  gauge('imagecache_found_images', whileLeading(foundImages));
  gauge(
    'imagecache_unread_workloads',
    whileLeading((caches) => one(caches.filter(({ found }) => found.problem !== '').length)),
  );
  gauge('imagecache_blocked_nodes', whileLeading(blocked));
  const gates = (read: (ages: readonly number[]) => number) => (): readonly Sample[] =>
    sources.leads() ? one(read(sources.gatedNodes())) : [];
  gauge(
    'imagecache_gated_nodes',
    gates((ages) => ages.length),
  );
  gauge(
    'imagecache_gated_node_age_seconds',
    gates((ages) => Math.max(0, ...ages) / 1000),
  );
  gauge(
    'imagecache_cache_removals',
    whileLeading((caches) =>
      byState(
        removalStates,
        caches.flatMap(({ status }) => Object.values(status.removals)),
      ),
    ),
  );
}

const blocked = (caches: readonly ImageCache[]): readonly Sample[] =>
  one(new Set(caches.flatMap(({ status }) => [...blockedNodes(status.failures)])).size);

/** Pending nodes that wait for a registry are counted apart: they are no sign that work is stuck. */
const waiting = 'Waiting';

const shownState = (entry: LedgerEntry): string => (waitsForRegistry(entry) ? waiting : stateOf(entry));

const one = (value: number): readonly Sample[] => [{ value }];

const byStatus = (caches: readonly ImageCache[]): readonly Sample[] =>
  statusValues.map((word) => ({
    value: caches.filter(({ status }) => status.status === word).length,
    labels: { status: word === '' ? 'New' : word },
  }));

const conditionTypes = ['Ready', 'Reconciling', 'Stalled', 'Failing'] as const satisfies readonly Condition['type'][];

const byCondition = (caches: readonly ImageCache[]): readonly Sample[] =>
  conditionTypes.map((type) => ({
    value: caches.filter(({ status }) => hasCondition(status.conditions, type)).length,
    labels: { type },
  }));

const hasCondition = (conditions: readonly Condition[], type: Condition['type']): boolean =>
  conditions.some((condition) => condition.type === type && condition.status === 'True');

const foundStates = ['Named', 'Kept'] as const;

const foundImages = (caches: readonly ImageCache[]): readonly Sample[] =>
  byState(
    foundStates,
    caches.flatMap(({ found }) =>
      found.lists.flatMap(({ images }) =>
        images.map(({ workloadCount }) => ({ state: workloadCount === 0 ? 'Kept' : 'Named' })),
      ),
    ),
  );

type Entry = { readonly state: string };

function byState(states: readonly string[], entries: readonly Entry[]): readonly Sample[] {
  const counts = new Map(states.map((state) => [state, 0]));
  for (const { state } of entries) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, value]) => ({ value, labels: { state } }));
}
