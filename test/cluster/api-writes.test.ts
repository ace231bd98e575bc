import { describe, expect, it } from 'vitest';
import { apiWritesIn, writesBetween } from './api-writes.ts';

const metrics = `# HELP apiserver_request_total [STABLE] Counter of apiserver requests
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="status",verb="PATCH",version="v1"} 7
apiserver_request_total{code="409",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="status",verb="PATCH",version="v1"} 2
apiserver_request_total{code="201",component="apiserver",dry_run="",group="batch",resource="jobs",scope="resource",subresource="",verb="POST",version="v1"} 100
apiserver_request_total{code="201",component="apiserver",dry_run="All",group="batch",resource="jobs",scope="resource",subresource="",verb="POST",version="v1"} 50
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} 1.5e+03
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 900
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="nodes",scope="resource",subresource="status",verb="PATCH",version="v1"} 80
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="nodes",scope="resource",subresource="",verb="PATCH",version="v1"} 3
apiserver_request_duration_seconds_count{verb="POST",resource="jobs"} 5
`;

describe('apiWritesIn', () => {
  it('sums writes over all responses, without reads, dry runs and heartbeats', () => {
    expect(apiWritesIn(metrics)).toEqual({
      total: 112,
      by: { 'PATCH pods/status': 9, 'POST jobs': 100, 'PATCH nodes': 3 },
    });
  });
});

describe('writesBetween', () => {
  it('returns the difference per request, with new requests and without unchanged ones', () => {
    const before = { total: 5, by: { 'POST jobs': 4, 'PATCH nodes': 1 } };
    const after = { total: 9, by: { 'POST jobs': 6, 'PATCH nodes': 1, 'DELETE jobs': 2 } };
    expect(writesBetween(before, after)).toEqual({ total: 4, by: { 'POST jobs': 2, 'DELETE jobs': 2 } });
  });
});
