import { createHash } from 'node:crypto';
import type { JsonObject } from '../json.ts';
import { type KubeObject, nameOf, namespaceOf, uidOf, versionOf } from '../api/kube-object.ts';

/** Something that a controller or kubelet has to say about an object. */
export type Occurrence = {
  readonly about: KubeObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly component: string;
  readonly host?: string;
  readonly fieldPath?: string;
};

const involved = (about: KubeObject, fieldPath: string | undefined): JsonObject => ({
  kind: about.kind,
  ...(namespaceOf(about) === '' ? {} : { namespace: namespaceOf(about) }),
  name: nameOf(about),
  // Kubelets name a Node by its name here too.
  uid: about.kind === 'Node' ? nameOf(about) : uidOf(about),
  apiVersion: about.apiVersion,
  resourceVersion: versionOf(about),
  ...(fieldPath === undefined ? {} : { fieldPath }),
});

/** The Event that says it, named by what it says: so the same thing said again is found and counted. */
export const eventOf = (occurrence: Occurrence, time: string): JsonObject => {
  const { about, type, reason, message, component, host, fieldPath } = occurrence;
  const said = JSON.stringify([about.kind, uidOf(about), type, reason, message, fieldPath]);
  const hash = createHash('sha256').update(said).digest('hex').slice(0, 16);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${nameOf(about)}.${hash}`, namespace: namespaceOf(about) || 'default' },
    involvedObject: involved(about, fieldPath),
    reason,
    message,
    type,
    source: { component, ...(host === undefined ? {} : { host }) },
    reportingComponent: component,
    reportingInstance: host ?? '',
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
};
