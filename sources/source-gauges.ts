import { statusValues, type Condition, type ImageCache } from '#model/cache/image-cache.ts';
import { type LedgerEntry, nodeStates, stateOf, waitsForRegistry } from '#model/cache/ledger.ts';
import { removalStates } from '#model/cache/removal-ledger.ts';
import type { Metrics, Sample } from '#runtime/process/metrics.ts';
import type { SourceMetric } from './source-metrics.ts';
import type { Sources } from './start-sources.ts';

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
