import { describe, expect, it } from 'vitest';
import { busybox, fledgedJob } from './fledged-job.ts';
import {
  type Bucket,
  clientRate,
  finalStatus,
  fullBucket,
  isOver,
  itemDelay,
  ordersFor,
  type Result,
  statusOf,
  taken,
} from './rules.ts';

/** When each of so many requests may be sent that are all asked for at once. */
function sentAt(count: number): readonly number[] {
  let bucket: Bucket = fullBucket(clientRate, 0);
  return Array.from({ length: count }, () => {
    const next = taken(clientRate, bucket, 0);
    bucket = next.bucket;
    return next.wait;
  });
}

describe('the baseline, like kube-fledged,', () => {
  it('sends ten requests at once, then five a second', () => {
    expect(sentAt(15)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 400, 600, 800, 1000]);
  });

  it('accumulates no more than ten requests', () => {
    const { bucket } = taken(clientRate, fullBucket(clientRate, 0), 60_000);
    expect(bucket).toEqual({ tokens: 9, at: 60_000 });
  });

  it('takes a hundred items at once from its queue, then ten a second', () => {
    expect([0, 99, 100, 199].map(itemDelay)).toEqual([0, 0, 100, 10_000]);
  });

  it('creates an item for every image and node, node by node', () => {
    expect(ordersFor(['a', 'b'], ['x:1', 'y:1'])).toEqual([
      { node: 'a', image: 'x:1' },
      { node: 'a', image: 'y:1' },
      { node: 'b', image: 'x:1' },
      { node: 'b', image: 'y:1' },
    ]);
  });

  const result = (status: Result['status']): Result => ({ node: 'a', image: 'x:1', job: 'j', status });

  it('waits while a Job is open, and no longer than the deadline', () => {
    expect(isOver([result('succeeded'), result('created')], 1, 2)).toBe(false);
    expect(isOver([result('succeeded'), result('failed')], 1, 2)).toBe(true);
    expect(isOver([result('created')], 2, 2)).toBe(true);
  });

  it.each([
    ['Succeeded', ['succeeded', 'succeeded']],
    ['Failed', ['succeeded', 'failed']],
    ['Failed', ['succeeded', 'created']],
    ['NoImagesPulledOrDeleted', []],
  ] as const)('ends as %s after %j', (status, results) => {
    expect(finalStatus(results.map(result)).status).toBe(status);
  });

  it.each([
    [undefined, 'created'],
    ['Pending', 'created'],
    ['Running', 'created'],
    ['Succeeded', 'succeeded'],
    ['Failed', 'failed'],
  ] as const)('counts a Pod that is %s as %s', (phase, status) => {
    expect(statusOf(phase)).toBe(status);
  });

  it('creates a Job of one image for one node, selected by hostname, with a generated name', () => {
    const owner = { name: 'cache', uid: 'u', namespace: 'default' };
    expect(fledgedJob(owner, { node: 'a', image: 'x:1' }, busybox)).toMatchObject({
      metadata: { generateName: 'cache-', labels: { kubefledged: 'kubefledged-image-manager' } },
      spec: {
        backoffLimit: 0,
        template: {
          spec: {
            nodeSelector: { 'kubernetes.io/hostname': 'a' },
            initContainers: [{ command: ['cp', '/bin/echo', '/tmp/bin'] }],
            containers: [{ image: 'x:1', command: ['/tmp/bin/echo', 'Image pulled successfully!'] }],
          },
        },
      },
    });
  });
});
