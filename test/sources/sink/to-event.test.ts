import { HTTP } from 'cloudevents';
import { describe, expect, it } from 'vitest';
import { notice } from '#model/cache/cloud-event.ts';
import type { Batch, ObservedChange } from '../../../sources/queue/pending-changes.ts';
import { changeEvent, tickEvent } from '../../../sources/sink/to-event.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
const stamp = { id: '6f1c', time: new Date('2026-11-24T10:00:00Z'), traceparent };
const cache = { namespace: 'apps', name: 'web' };
const common = {
  id: '6f1c',
  time: '2026-11-24T10:00:00.000Z',
  traceparent,
  specversion: '1.0',
  datacontenttype: 'application/json',
};
const reference = (apiVersion: string, kind: string, namespace: string, name: string) => ({
  apiVersion,
  kind,
  namespace,
  name,
});
const theCache = reference('kubefledged.io/v1alpha2', 'ImageCache', 'apps', 'web');
const theJob = reference('batch/v1', 'Job', 'apps', 'web-1');
const thePod = reference('v1', 'Pod', 'apps', 'web-1-x');
const theNode = reference('v1', 'Node', '', 'node-1');

const batch = (change: Partial<ObservedChange>, others: Batch['others'] = []): Batch => ({
  cache,
  change: { verb: 'update', object: thePod, uid: 'u1', resourceVersion: '42', ...change },
  others,
});

describe('a change event', () => {
  it.each([
    {
      of: 'an added cache',
      batch: batch({ verb: 'add', object: theCache, generation: 7 }, 'all'),
      event: {
        type: 'dev.knative.apiserver.ref.add',
        subject: '/apis/kubefledged.io/v1alpha2/namespaces/apps/imagecaches/web',
        kind: 'ImageCache',
        apiversion: 'kubefledged.io/v1alpha2',
        namespace: 'apps',
        name: 'web',
        generation: '7',
        data: { ...theCache, changed: 'all' },
      },
    },
    {
      of: 'a Job that ended',
      batch: batch({ object: theJob }),
      event: {
        type: 'dev.knative.apiserver.ref.update',
        subject: '/apis/batch/v1/namespaces/apps/jobs/web-1',
        kind: 'Job',
        apiversion: 'batch/v1',
        namespace: 'apps',
        name: 'web-1',
        data: theJob,
      },
    },
    {
      of: 'a deleted Pod, batched with a Job',
      batch: batch({ verb: 'delete' }, [theJob]),
      event: {
        type: 'dev.knative.apiserver.ref.delete',
        subject: '/apis/v1/namespaces/apps/pods/web-1-x',
        kind: 'Pod',
        apiversion: 'v1',
        namespace: 'apps',
        name: 'web-1-x',
        data: { ...thePod, changed: [theJob] },
      },
    },
    {
      of: 'a Node',
      batch: batch({ object: theNode }),
      event: {
        type: 'dev.knative.apiserver.ref.update',
        subject: '/apis/v1/nodes/node-1',
        kind: 'Node',
        apiversion: 'v1',
        name: 'node-1',
        data: theNode,
      },
    },
  ])('of $of', ({ batch, event }) => {
    const made = changeEvent(batch, 'https://10.96.0.1:443', stamp);
    expect(made.toJSON()).toEqual({
      ...common,
      source: 'https://10.96.0.1:443',
      uid: 'u1',
      resourceversion: '42',
      cache: 'apps/web',
      ...event,
    });
    expect(made.validate()).toBe(true);
  });

  it('is unchanged after it was sent over HTTP', () => {
    const made = changeEvent(batch({}, [theJob]), 'https://10.96.0.1:443', stamp);
    const { headers, body } = HTTP.binary(made);
    const arrived = HTTP.toEvent({ headers, body });
    expect([arrived].flat().map(notice)).toEqual([notice(made)]);
    expect(notice(made)).toEqual({ type: 'change', verb: 'update', object: thePod, cache, changed: [thePod, theJob] });
  });

  it('of a tick', () => {
    const made = tickEvent(stamp);
    expect(made.toJSON()).toEqual({
      ...common,
      type: 'dev.knative.sources.ping',
      source: '/imagecache-functions/cron',
      data: {},
    });
    expect(notice(made)).toEqual({ type: 'tick' });
  });
});
