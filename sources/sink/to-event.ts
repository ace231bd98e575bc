import { CloudEvent } from 'cloudevents';
import { changeType, tickType, type ObjectReference } from '#model/cache/cloud-event.ts';
import type { Batch } from '../kubernetes/batch.ts';

/** What makes an event one of its kind: passed in, so that the rest is a function of the change alone. */
export type Stamp = { readonly id: string; readonly time: Date; readonly traceparent: string };

/** The event that tells of a batch, as Knative's ApiServerSource would, with our extensions beside. `server` is the API server's address. */
export function changeEvent({ cache, change, others }: Batch, server: string, stamp: Stamp): CloudEvent<unknown> {
  const { object, verb, uid, resourceVersion, generation } = change;
  const { apiVersion, kind, namespace, name } = object;
  return new CloudEvent<unknown>({
    id: stamp.id,
    time: stamp.time.toISOString(),
    traceparent: stamp.traceparent,
    type: changeType(verb),
    source: server,
    subject: subjectOf(object),
    datacontenttype: 'application/json',
    kind,
    apiversion: apiVersion,
    name,
    // An empty attribute is no attribute to most receivers.
    ...(namespace === '' ? {} : { namespace }),
    uid,
    resourceversion: resourceVersion,
    ...(generation === undefined ? {} : { generation: String(generation) }),
    cache: `${cache.namespace}/${cache.name}`,
    ...(change.isRemoval === true ? { removal: 'true' } : {}),
    data: { apiVersion, kind, namespace, name, ...(others.length === 0 ? {} : { changed: others }) },
  });
}

/** The heartbeat, as Knative's PingSource would send it. */
export function tickEvent(stamp: Stamp): CloudEvent<unknown> {
  return new CloudEvent<unknown>({
    id: stamp.id,
    time: stamp.time.toISOString(),
    traceparent: stamp.traceparent,
    type: tickType,
    source: '/imagecache-functions/cron',
    datacontenttype: 'application/json',
    data: {},
  });
}

function subjectOf({ apiVersion, kind, namespace, name }: ObjectReference): string {
  const plural = `${kind.toLowerCase()}s`;
  return namespace === ''
    ? `/apis/${apiVersion}/${plural}/${name}`
    : `/apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}`;
}
