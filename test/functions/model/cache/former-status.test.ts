import { describe, expect, it } from 'vitest';
import { decide } from '#model/decide.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { desiredImages } from '#model/desired/desired-images.ts';
import { isSameStatus } from '#model/status/same-status.ts';
import { serializeStatus } from '#model/status/serialize-status.ts';
import { node, observed, settings, world } from '../builders.ts';

/** A status with every field that was renamed, under its former name. */
const former = {
  status: 'Succeeded',
  reason: 'ImageCacheRefresh',
  observedGeneration: 1,
  images: [{ image: 'app:latest', resolved: 'sha256:1', unresolved: 'x', doubted: true, ready: 1, failed: 0 }],
  nodes: {
    n1: { id: 'a', want: 'w', attempt: 1, state: 'Ready' },
    n2: {
      ...{ id: 'b', want: 'w', attempt: 2, state: 'Pulling', todo: [0], failed: [0], singly: true, copy: true },
      ended: { size: 1, jobs: [0], failed: [0], vaguely: true },
    },
  },
  wants: { w: [0] },
  placed: [{ images: ['app:latest'], nodeSelector: {}, nodeMatchExpressions: [], sinceGeneration: 1 }],
  removals: { n1: { id: 'a', want: 'u', round: 1, attempt: 1, state: 'Removing' } },
  unwanted: { u: ['old:1'] },
  round: {
    ...{ number: 3, operation: 'Refresh', generation: 1, trigger: 'Annotation', startTime: '2026-11-24T12:00:00Z' },
    pendingRemoval: { annotation: 'kubefledged.io/refresh-imagecache', value: '' },
  },
};

const stored = (status: unknown) =>
  parseImageCache({
    metadata: { namespace: 'apps', name: 'web', uid: 'u', resourceVersion: '1', generation: 1 },
    spec: { cacheSpec: [{ images: ['app:latest'] }] },
    status,
  });

describe('status with former field names', () => {
  it('is parsed with all its values', () => {
    const { status, hasFormerStatus } = stored(former);
    expect(hasFormerStatus).toBe(true);
    expect(status.nodes).toMatchObject({
      n1: { desiredHash: 'w', state: 'Ready' },
      n2: {
        ...{ desiredHash: 'w', pendingImages: [0], failedImages: [0], oneImagePerJob: true, copiesNoop: true },
        finishedJobs: { imagesPerJob: 1, jobs: [0], failedImages: [0], inconclusive: true },
      },
    });
    expect(status.desired).toEqual({ w: [0] });
    expect(status.placements).toHaveLength(1);
    expect(status.removals['n1']).toMatchObject({ imagesHash: 'u', state: 'Removing' });
    expect(status.toRemove).toEqual({ u: ['old:1'] });
    expect(status.knownDigests['app:latest']).toMatchObject({
      ...{ digest: 'sha256:1', unresolvedReason: 'x', hasMismatch: true },
    });
    expect(status.round?.requestedBy).toEqual({ annotation: 'kubefledged.io/refresh-imagecache', value: '' });
  });

  it('is rewritten once, even if nothing else changed', () => {
    const before = stored(former);
    expect(isSameStatus(before.status, before)).toBe(false);
    const after = stored(serializeStatus(before.status, before));
    expect(after.hasFormerStatus).toBe(false);
    expect(after.status).toEqual(before.status);
    expect(isSameStatus(after.status, after)).toBe(true);
  });

  it('is rewritten by a decision that creates no Job and keeps ready nodes', () => {
    const ready = node({ name: 'n1' });
    const hash = desiredImages(stored(former), ready, settings())?.hash ?? '';
    const cache = stored({
      ...former,
      nodes: { n1: { ...former.nodes.n1, id: ready.id, want: hash } },
      ...{ wants: { [hash]: [0] }, removals: {}, unwanted: {} },
      round: { ...former.round, pendingRemoval: undefined },
    });
    const plan = decide(
      world({ before: cache, observed: observed({ nodeList: [ready], hasAllNodes: true, hasAllJobs: true }) }),
    );
    expect(plan).toMatchObject({ createJobs: [], deleteJobs: [], createRemovalJobs: [] });
    expect(plan.status?.nodes['n1']).toEqual(cache.status.nodes['n1']);
  });

  it.each([undefined, null, {}, { desired: {}, placements: [] }])('is not recognised in %j', (status) => {
    expect(stored(status).hasFormerStatus).toBe(false);
  });
});
