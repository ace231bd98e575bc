/** Days in the life of a cluster as Prometheus scrapes them, once a minute, and the alerts that fire at some times. */

export type Day = {
  readonly name: string;
  /** Values of each series, in promtool's notation. */
  readonly series: Readonly<Record<string, string>>;
  /** The alerts that fire at a time, with their labels; all others do not. */
  readonly expected: readonly { readonly at: string; readonly firing: Readonly<Record<string, Labels>> }[];
};
type Labels = Readonly<Record<string, string>>;

export const alertOf = (at: string, alert: string, labels: Labels | undefined) => ({
  eval_time: at,
  alertname: alert,
  exp_alerts: labels === undefined ? [] : [{ exp_labels: labels }],
});

const warning = { severity: 'warning' };
const critical = { severity: 'critical' };
const info = { severity: 'info' };

/** One leader, fifty caches, a refresh every 15 minutes, now and then a pull. */
const ordinary = {
  'imagecache_leader{pod="a"}': '1x720',
  'imagecache_source_synced{pod="a"}': '1x720',
  'imagecache_caches{pod="a",status="Succeeded"}': '50x720',
  'imagecache_caches{pod="a",status="Failed"}': '0x720',
  'imagecache_cache_conditions{pod="a",type="Failing"}': '0x720',
  'imagecache_cache_nodes{pod="a",state="Pending"}': '0x720',
  'imagecache_cache_nodes{pod="a",state="Pulling"}': '0x720',
  'imagecache_cache_nodes{pod="a",state="Held"}': '0x720',
  'imagecache_cache_nodes{pod="a",state="Waiting"}': '0x720',
  'imagecache_pulls_total{pod="a",result="succeeded"}': '0+1x720',
  'imagecache_pulls_total{pod="a",result="failed"}': '0x720',
  'imagecache_deliveries_total{pod="a",kind="tick",outcome="delivered"}': '1+1x720',
  'imagecache_deliveries_total{pod="a",kind="ImageCache",outcome="retry"}': '0x720',
  'imagecache_unread_workloads{pod="a"}': '0x720',
  'imagecache_blocked_nodes{pod="a"}': '0x720',
  'imagecache_kube_fledged_controllers{pod="a"}': '0x720',
  'imagecache_gated_nodes{pod="a"}': '0x720',
  'imagecache_gated_node_age_seconds{pod="a"}': '0x720',
  'imagecache_registry_rest_seconds_total{pod="a"}': '0x720',
  'imagecache_queue_oldest_seconds{pod="a"}': '0x720',
  'imagecache_events_handled_total{pod="a",function="reconcile",outcome="error"}': '0x720',
  'imagecache_api_requests_total{pod="a",verb="list",resource="nodes",code="200"}': '0+30x720',
  'imagecache_api_requests_total{pod="a",verb="create",resource="jobs",code="403"}': '0x720',
  'imagecache_watch_restarts_total{pod="a",resource="jobs",cause="failed"}': '0x720',
  'imagecache_node_warm_seconds_bucket{pod="a",cause="joined",le="600"}': '0+1x720',
  'imagecache_node_warm_seconds_bucket{pod="a",cause="joined",le="1200"}': '0+1x720',
  'imagecache_node_warm_seconds_bucket{pod="a",cause="joined",le="+Inf"}': '0+1x720',
};

/** Repeats a pattern of values. */
const repeated = (pattern: string, times: number): string => Array.from({ length: times }, () => pattern).join(' ');

export const quiet: Day = {
  name: 'all is well',
  series: ordinary,
  expected: ['5m', '20m', '1h', '6h', '12h'].map((at) => ({ at, firing: {} })),
};

export const days: readonly Day[] = [
  quiet,
  {
    name: 'one cache of fifty fails for hours, across refreshes every 15 minutes',
    series: {
      ...ordinary,
      'imagecache_caches{pod="a",status="Failed"}': repeated('1x13 0', 40),
      'imagecache_cache_conditions{pod="a",type="Failing"}': '1x720',
      'imagecache_pulls_total{pod="a",result="failed"}': repeated('0x13 2', 40),
    },
    expected: [
      { at: '10m', firing: {} },
      { at: '16m', firing: { ImageCacheFailed: warning } },
      { at: '2h', firing: { ImageCacheFailed: warning } },
      { at: '9h', firing: { ImageCacheFailed: warning } },
    ],
  },
  {
    name: 'an edit mends a failing cache after ten minutes',
    series: { ...ordinary, 'imagecache_cache_conditions{pod="a",type="Failing"}': '1x9 0x700' },
    expected: ['9m', '16m', '1h'].map((at) => ({ at, firing: {} })),
  },
  {
    name: 'a purge leaves images on a node that is away',
    series: { ...ordinary, 'imagecache_caches{pod="a",status="Failed"}': '1x720' },
    expected: [{ at: '30m', firing: { ImageCacheFailed: warning } }],
  },
  {
    name: 'a gated node is held by a cache that fails to pull',
    series: {
      ...ordinary,
      'imagecache_cache_nodes{pod="a",state="Pulling"}': '1x720',
      'imagecache_cache_conditions{pod="a",type="Failing"}': '1x720',
      'imagecache_pulls_total{pod="a",result="succeeded"}': '0x720',
      'imagecache_pulls_total{pod="a",result="failed"}': '0+1x720',
    },
    expected: [
      { at: '1h30m', firing: { ImageCacheFailed: warning, ImageCacheStuck: warning, ImageCachePullsFailing: warning } },
    ],
  },
  {
    name: 'the gate is opened by its time-out, for one new node after the other',
    series: { ...ordinary, 'imagecache_gated_node_age_seconds{pod="a"}': repeated('0 300 600 900', 180) },
    expected: ['1h', '6h'].map((at) => ({ at, firing: {} })),
  },
  {
    name: 'the gate does not open, as the right to remove the taint is missing',
    series: { ...ordinary, 'imagecache_gated_node_age_seconds{pod="a"}': '0x30 0+60x690' },
    expected: [
      { at: '54m', firing: {} },
      { at: '58m', firing: { ImageCacheGateHeld: warning } },
    ],
  },
  {
    name: 'a registry throttles once',
    series: { ...ordinary, 'imagecache_registry_rest_seconds_total{pod="a"}': '0x60 60x660' },
    expected: ['1h10m', '1h50m', '3h'].map((at) => ({ at, firing: {} })),
  },
  {
    name: 'a registry does not answer in time at any refresh',
    series: { ...ordinary, 'imagecache_registry_rest_seconds_total{pod="a"}': '0x60 0+2x660' },
    expected: [
      { at: '1h30m', firing: {} },
      { at: '2h10m', firing: { ImageCacheRegistryRests: info } },
    ],
  },
  {
    name: 'a registry asks to be left alone for an hour',
    series: { ...ordinary, 'imagecache_registry_rest_seconds_total{pod="a"}': '0x60 3600x660' },
    expected: [{ at: '1h10m', firing: { ImageCacheRegistryRests: info } }],
  },
  {
    name: 'a pull that does not end blocks a node, whose kubelet is restarted an hour later',
    series: { ...ordinary, 'imagecache_blocked_nodes{pod="a"}': '0x60 1x60 0x600' },
    expected: [
      { at: '1h3m', firing: {} },
      { at: '1h30m', firing: { ImageCachePullsBlocked: warning } },
      { at: '2h10m', firing: {} },
    ],
  },
  {
    name: 'a rollout stops, and is corrected an hour later',
    series: { ...ordinary, 'imagecache_cache_nodes{pod="a",state="Held"}': '0x60 9x60 0x600' },
    expected: [
      { at: '1h3m', firing: {} },
      { at: '1h10m', firing: { ImageCacheRolloutStopped: warning } },
      { at: '2h10m', firing: {} },
    ],
  },
  {
    name: 'nodes wait two hours for a budget, without a pull',
    series: {
      ...ordinary,
      'imagecache_cache_nodes{pod="a",state="Waiting"}': '0x60 90x120 0x540',
      'imagecache_pulls_total{pod="a",result="succeeded"}': '5x720',
    },
    expected: ['1h50m', '2h50m', '3h10m'].map((at) => ({ at, firing: {} })),
  },
  {
    name: 'a registry throttles for hours',
    series: { ...ordinary, 'imagecache_cache_nodes{pod="a",state="Waiting"}': '0x60 90x660' },
    expected: [
      { at: '3h50m', firing: {} },
      { at: '4h10m', firing: { ImageCacheRegistryThrottles: info } },
    ],
  },
  {
    name: 'nodes wait for Jobs that are refused',
    series: {
      ...ordinary,
      'imagecache_cache_nodes{pod="a",state="Pending"}': '3x720',
      'imagecache_pulls_total{pod="a",result="succeeded"}': '0x720',
    },
    expected: [
      { at: '29m', firing: {} },
      { at: '31m', firing: { ImageCacheStuck: warning } },
    ],
  },
  {
    name: 'nodes wait before the first pull of a new process has ended',
    series: {
      'imagecache_leader{pod="a"}': '1x120',
      'imagecache_deliveries_total{pod="a",kind="tick",outcome="delivered"}': '1+1x120',
      'imagecache_cache_nodes{pod="a",state="Pulling"}': '2x120',
    },
    expected: [{ at: '35m', firing: { ImageCacheStuck: warning } }],
  },
  {
    name: 'a standby takes over within a minute',
    series: {
      ...ordinary,
      'imagecache_leader{pod="a"}': '1x30 _x690',
      'imagecache_leader{pod="b"}': '0x30 1x690',
      'imagecache_deliveries_total{pod="a",kind="tick",outcome="delivered"}': '1+1x30 _x690',
      'imagecache_deliveries_total{pod="b",kind="tick",outcome="delivered"}': '_x31 1+1x690',
    },
    expected: ['31m', '40m', '2h'].map((at) => ({ at, firing: {} })),
  },
  {
    name: 'no process leads',
    series: { ...ordinary, 'imagecache_leader{pod="a"}': '1x30 0x690' },
    expected: [
      { at: '33m', firing: {} },
      { at: '37m', firing: { ImageCacheNoLeader: critical } },
    ],
  },
  {
    name: 'no process is scraped',
    series: { up: '0x120' },
    expected: [{ at: '10m', firing: { ImageCacheNoLeader: critical } }],
  },
  {
    name: 'the leader cannot list what it watches',
    series: { ...ordinary, 'imagecache_source_synced{pod="a"}': '0x720' },
    expected: [{ at: '10m', firing: { ImageCacheSourceNotSynced: critical } }],
  },
  {
    name: 'the tick is refused from the start',
    series: { ...ordinary, 'imagecache_deliveries_total{pod="a",kind="tick",outcome="delivered"}': '_x720' },
    expected: [{ at: '10m', firing: { ImageCacheHeartbeatMissing: warning } }],
  },
  {
    name: 'the tick stops after an hour',
    series: { ...ordinary, 'imagecache_deliveries_total{pod="a",kind="tick",outcome="delivered"}': '1+1x60 61x660' },
    expected: [
      { at: '1h', firing: {} },
      { at: '1h25m', firing: { ImageCacheHeartbeatMissing: warning } },
    ],
  },
  {
    name: 'functions do not answer',
    series: {
      ...ordinary,
      'imagecache_queue_oldest_seconds{pod="a"}': '0+60x720',
      'imagecache_deliveries_total{pod="a",kind="ImageCache",outcome="retry"}': '0+10x720',
    },
    expected: [{ at: '1h', firing: { ImageCacheQueueOld: warning, ImageCacheDeliveriesFailing: warning } }],
  },
  {
    name: 'a function fails',
    series: { ...ordinary, 'imagecache_events_handled_total{pod="a",function="reconcile",outcome="error"}': '0+1x720' },
    expected: [{ at: '1h', firing: { ImageCacheFunctionErrors: { ...warning, function: 'reconcile' } } }],
  },
  {
    name: 'a right is missing',
    series: {
      ...ordinary,
      'imagecache_api_requests_total{pod="a",verb="create",resource="jobs",code="403"}': '0+10x720',
    },
    expected: [{ at: '1h', firing: { ImageCacheApiErrors: warning } }],
  },
  {
    name: 'a proxy breaks watches',
    series: { ...ordinary, 'imagecache_watch_restarts_total{pod="a",resource="jobs",cause="failed"}': '0+1x720' },
    expected: [{ at: '1h', firing: { ImageCacheWatchesBreak: { ...info, resource: 'jobs' } } }],
  },
  {
    name: 'a GitOps tool restores kube-fledged, for two hours',
    series: { ...ordinary, 'imagecache_kube_fledged_controllers{pod="a"}': '0x30 1x120 0x570' },
    expected: [
      { at: '32m', firing: {} },
      { at: '1h', firing: { ImageCacheKubeFledgedRuns: warning } },
      { at: '3h', firing: {} },
    ],
  },
  {
    name: 'the right to list the workloads of two caches is missing',
    series: { ...ordinary, 'imagecache_unread_workloads{pod="a"}': '0x30 2x690' },
    expected: [
      { at: '40m', firing: {} },
      { at: '1h', firing: { ImageCacheWorkloadsNotRead: warning } },
    ],
  },
  {
    name: 'joining nodes take longer than ten minutes to warm',
    series: { ...ordinary, 'imagecache_node_warm_seconds_bucket{pod="a",cause="joined",le="600"}': '0x720' },
    expected: [{ at: '2h', firing: { ImageCacheNodesSlowToWarm: info } }],
  },
];
