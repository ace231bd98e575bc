import { CloudEvent } from 'cloudevents';
import { changeType, tickType, type ObjectReference } from '#model/cache/cloud-event.ts';
import type { Batch } from '../queue/pending-changes.ts';
import { randomBytes } from 'node:crypto';

/** Identity and time of an event: passed in, so that the rest depends on the change only. */
export type Stamp = { readonly id: string; readonly time: Date; readonly traceparent: string };

/** The event for a batch, in the format of Knative's ApiServerSource with our extensions. `server` is the API server's address. */
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
    // Most receivers treat an empty attribute as missing.
    ...(namespace === '' ? {} : { namespace }),
    uid,
    resourceversion: resourceVersion,
    ...(generation === undefined ? {} : { generation: String(generation) }),
    cache: `${cache.namespace}/${cache.name}`,
    ...(change.isRemoval === true ? { removal: 'true' } : {}),
    data: { apiVersion, kind, namespace, name, ...(others.length === 0 ? {} : { changed: others }) },
  });
}

/** The heartbeat, in the format of Knative's PingSource. */
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

/** A new trace, not sampled: no spans are recorded here, and receivers may decide otherwise. */
export function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}
