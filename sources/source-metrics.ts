import type { Definitions } from '#runtime/process/metrics.ts';

const long = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600];

/** What the source tells: it lasts, it watches everything, and only its leader counts, so that replicas double nothing. */
export const sourceMetrics = {
  imagecache_leader: {
    type: 'gauge',
    help: '1 in the process that holds the Lease and sends events, else 0',
    labels: [],
  },
  imagecache_source_synced: {
    type: 'gauge',
    help: '1 once all that exists is known and events flow, or while standing by; else 0',
    labels: [],
  },
  imagecache_queue_depth: { type: 'gauge', help: 'Batches of changes that wait for delivery', labels: [] },
  imagecache_queue_oldest_seconds: { type: 'gauge', help: 'Seconds that the oldest batch has waited', labels: [] },
  imagecache_deliveries_total: {
    type: 'counter',
    help: 'Events sent to functions by the kind of object they tell of: delivered, retry (to come again), refused (dropped)',
    labels: ['kind', 'outcome'],
  },
  imagecache_watch_restarts_total: {
    type: 'counter',
    help: 'Watches that ended: ended (by the server, in its time), expired (all is listed anew), stalled, failed',
    labels: ['resource', 'cause'],
  },
  imagecache_caches: { type: 'gauge', help: 'ImageCaches by status; New has none yet', labels: ['status'] },
  imagecache_cache_nodes: {
    type: 'gauge',
    help: 'Nodes of each ImageCache by state, over all of them',
    labels: ['state'],
  },
  imagecache_cache_removals: {
    type: 'gauge',
    help: 'Nodes from which images of an ImageCache are to go, by state, over all of them',
    labels: ['state'],
  },
  imagecache_pulls_total: {
    type: 'counter',
    help: 'Images that pull Jobs were made for, by what came of each try: succeeded (it is there), failed, lost (with its Pod)',
    labels: ['result'],
  },
  imagecache_pull_pod_duration_seconds: {
    type: 'histogram',
    help: 'Seconds that Pods that got all their images took, from their start to their last container, as their kubelet tells',
    labels: [],
    buckets: long,
  },
  imagecache_node_warm_seconds: {
    type: 'histogram',
    help: 'Seconds until a node had all images of a cache, since it could be served: because it joined, or the cache was created or changed',
    labels: ['cause'],
    buckets: long,
  },
} as const satisfies Definitions<string>;
export type SourceMetric = keyof typeof sourceMetrics;
