import { statusWords, type ImageCache } from '#model/image-cache.ts';
import { nodeStates } from '#model/ledger.ts';
import type { Metrics, Sample } from '#runtime/metrics.ts';
import type { SourceMetric } from './source-metrics.ts';
import type { Sources } from './start-sources.ts';

type Told = Pick<Sources, 'leads' | 'synced' | 'queue' | 'caches'>;

/** Lets metrics see how the sources stand. What caches there are is told by the leader alone, who watches them. */
export function tellSources(metrics: Pick<Metrics<SourceMetric>, 'gauge'>, sources: Told): void {
  const { gauge } = metrics;
  gauge('imagecache_leader', () => one(Number(sources.leads())));
  gauge('imagecache_source_synced', () => one(Number(sources.synced())));
  gauge('imagecache_queue_depth', () => one(sources.queue().depth));
  gauge('imagecache_queue_oldest_seconds', () => one(sources.queue().age / 1000));
  gauge('imagecache_caches', () => (sources.leads() ? byStatus([...sources.caches().values()]) : []));
  gauge('imagecache_cache_nodes', () => (sources.leads() ? byState([...sources.caches().values()]) : []));
}

const one = (value: number): readonly Sample[] => [{ value }];

const byStatus = (caches: readonly ImageCache[]): readonly Sample[] =>
  statusWords.map((word) => ({
    value: caches.filter(({ status }) => status.status === word).length,
    labels: { status: word === '' ? 'New' : word },
  }));

function byState(caches: readonly ImageCache[]): readonly Sample[] {
  const counts = new Map<string, number>(nodeStates.map((state) => [state, 0]));
  for (const { status } of caches)
    for (const { state } of Object.values(status.nodes)) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, value]) => ({ value, labels: { state } }));
}
