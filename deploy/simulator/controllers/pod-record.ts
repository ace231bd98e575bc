import { type JsonObject, isObject, listAt, objectAt, textAt } from '../json.ts';
import { type KubeObject, kubeObject, uidOf, wireTime } from '../api/kube-object.ts';
import type { End } from './image-store.ts';
import { type ConditionValue, type ContainerState, containerStatus, phaseOf, withConditions } from './pod-status.ts';

/** What a kubelet knows of one container. */
export type ContainerRecord =
  | { readonly is: 'waiting'; readonly reason: string; readonly message?: string }
  | {
      readonly is: 'started';
      readonly image: string;
      readonly imageId: string;
      readonly from: number;
      readonly to: number;
      /** How it ends, if not well and in silence. */
      readonly end?: End;
    }
  | { readonly is: 'killed'; readonly reason: string; readonly at: number };

/** What a kubelet knows of a Pod: reported at once when a pass over its containers ends. */
export type PodRecord = {
  readonly containers: ReadonlyMap<string, ContainerRecord>;
  readonly hasSandbox: boolean;
  readonly isSettled: boolean;
  readonly started: number;
  readonly hostIp: string;
  readonly podIp: string;
  /** Why the pod was stopped, if it was. */
  readonly stopped?: { readonly reason: string; readonly message: string };
};

export const specsOf = (pod: KubeObject, field: 'containers' | 'initContainers'): readonly JsonObject[] =>
  listAt(pod, 'spec', field).filter(isObject);

export const unseen = (pod: KubeObject): ContainerRecord => ({
  is: 'waiting',
  reason: specsOf(pod, 'initContainers').length > 0 ? 'PodInitializing' : 'ContainerCreating',
});

const killedText = 'The container could not be located when the pod was terminated';

const endOf = ({ from, to, end }: ContainerRecord & { readonly is: 'started' }): ContainerState => ({
  is: 'ended',
  exitCode: 0,
  ...end,
  reason: (end?.exitCode ?? 0) === 0 ? 'Completed' : 'Error',
  from: wireTime(from),
  to: wireTime(to),
});

const stateAt = (record: ContainerRecord, now: number): ContainerState => {
  switch (record.is) {
    case 'waiting':
      return record;
    case 'killed':
      return {
        is: 'ended',
        exitCode: 137,
        reason: record.reason,
        from: wireTime(record.at),
        to: wireTime(record.at),
        ...(record.reason === 'ContainerStatusUnknown' ? { message: killedText } : {}),
      };
    case 'started':
      return record.to > now ? { is: 'running', since: wireTime(record.from) } : endOf(record);
  }
};

const statusesOf = (
  pod: KubeObject,
  field: 'containers' | 'initContainers',
  record: PodRecord,
  now: number,
): readonly JsonObject[] =>
  specsOf(pod, field).map((spec) => {
    const name = textAt(spec, 'name');
    const known = record.containers.get(name) ?? unseen(pod);
    const found = known.is === 'started' ? known : { image: textAt(spec, 'image'), imageId: '' };
    const id = `containerd://${Buffer.from(`${uidOf(pod)}/${name}`)
      .toString('hex')
      .padEnd(64, '0')
      .slice(-64)}`;
    return containerStatus({ name, ...found, state: stateAt(known, now) }, id);
  });

export const statesOf = (pod: KubeObject, record: PodRecord, now: number): readonly ContainerState[] =>
  specsOf(pod, 'containers').map((spec) => stateAt(record.containers.get(textAt(spec, 'name')) ?? unseen(pod), now));

const isInitialized = (pod: KubeObject, record: PodRecord, now: number): boolean =>
  specsOf(pod, 'initContainers').every((spec) => {
    const known = record.containers.get(textAt(spec, 'name'));
    return known?.is === 'started' && known.to <= now;
  });

const phaseNow = (pod: KubeObject, record: PodRecord, now: number): string => {
  if (record.stopped !== undefined) return 'Failed';
  const phase = isInitialized(pod, record, now) ? phaseOf(statesOf(pod, record, now)) : 'Pending';
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  return isOver && !record.isSettled ? 'Running' : phase;
};

const readiness = (pod: KubeObject, record: PodRecord, now: number, phase: string): ConditionValue => {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const states = statesOf(pod, record, now);
  const unready = specsOf(pod, 'containers')
    .filter((_, index) => states[index]?.is !== 'running')
    .map((spec) => textAt(spec, 'name'));
  if (unready.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
};

/** The pod with the status that its kubelet posts. */
export const reported = (pod: KubeObject, record: PodRecord, now: number): KubeObject => {
  const phase = phaseNow(pod, record, now);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const ready = readiness(pod, record, now, phase);
  const initialized: ConditionValue = isInitialized(pod, record, now)
    ? { status: 'True', ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) }
    : { status: 'False', reason: 'ContainersNotInitialized' };
  const conditioned = withConditions(pod, wireTime(now), {
    PodReadyToStartContainers: { status: record.hasSandbox && !isOver ? 'True' : 'False' },
    Initialized: initialized,
    Ready: ready,
    ContainersReady: ready,
    PodScheduled: { status: 'True' },
  });
  const inits = statusesOf(pod, 'initContainers', record, now);
  return kubeObject({
    ...conditioned,
    status: {
      ...objectAt(conditioned, 'status'),
      phase,
      ...record.stopped,
      startTime: wireTime(record.started),
      hostIP: record.hostIp,
      hostIPs: [{ ip: record.hostIp }],
      ...(record.hasSandbox ? { podIP: record.podIp, podIPs: [{ ip: record.podIp }] } : {}),
      ...(inits.length === 0 ? {} : { initContainerStatuses: inits }),
      containerStatuses: statusesOf(pod, 'containers', record, now),
    },
  });
};
