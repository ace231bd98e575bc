import { type KubeObject, nameOf, namespaceOf, uidOf, versionOf } from '../api/kube-object.ts';
import type { ObjectOperations } from './controller.ts';
import type { PullResult } from './image-store.ts';
import { createHash } from 'node:crypto';
import type { JsonObject } from '../json.ts';

/** A kubelet's own limit of Events about one pod. */
const limit = 25;

/** What a kubelet says about a pod, as Events. */
export type PodEvents = {
  readonly pulling: (reference: string, path: string) => void;
  readonly pulled: (reference: string, path: string, result: PullResult) => void;
  readonly backingOff: (reference: string, path: string) => void;
  readonly started: (path: string) => void;
};

const already = 'already present on machine and can be accessed by the pod' as const;

const seconds = (ms: number): string => (ms < 1000 ? `${ms}ms` : `${ms / 1000}s`);

export const podEvents = (operations: ObjectOperations, pod: KubeObject, host: string): PodEvents => {
  let left = limit;
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string, fieldPath: string): void => {
    if (left === 0) return;
    left -= 1;
    operations.recordEvent({ about: pod, type, reason, message, component: 'kubelet', host, fieldPath });
  };
  const refused = (
    reference: string,
    path: string,
    { reason, message }: Extract<PullResult, { is: 'failed' }>,
  ): void => {
    if (reason === 'ErrImagePull') tell('Warning', 'Failed', `Failed to pull image "${reference}": ${message}`, path);
    else tell('Warning', reason === 'InvalidImageName' ? 'InspectFailed' : reason, message, path);
    tell('Warning', 'Failed', `Error: ${reason}`, path);
  };
  return {
    pulling: (reference, path) => tell('Normal', 'Pulling', `Pulling image "${reference}"`, path),
    pulled: (reference, path, result) => {
      if (result.is === 'failed') refused(reference, path, result);
      else if (result.is === 'present') tell('Normal', 'Pulled', `Container image "${reference}" ${already}`, path);
      else {
        const time = seconds(result.ms);
        const size = `Image size: ${result.image.size} bytes.`;
        tell(
          'Normal',
          'Pulled',
          `Successfully pulled image "${reference}" in ${time} (${time} including waiting). ${size}`,
          path,
        );
      }
    },
    backingOff: (reference, path) => {
      tell('Normal', 'BackOff', `Back-off pulling image "${reference}"`, path);
      tell('Warning', 'Failed', 'Error: ImagePullBackOff', path);
    },
    started: (path) => {
      tell('Normal', 'Created', 'Container created', path);
      tell('Normal', 'Started', 'Container started', path);
    },
  };
};

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
