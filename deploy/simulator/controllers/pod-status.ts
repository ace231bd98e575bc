import { type JsonObject, compact, isObject, listAt, objectAt, textAt } from '../json.ts';
import { type KubeObject, kubeObject } from '../api/kube-object.ts';
import { isDeepStrictEqual } from 'node:util';
import { pods } from '../api/kinds/pod.ts';
import type { World } from './controller.ts';
import { type ContainerRecord, type PodRecord, reported, statesOf } from './pod-record.ts';

export type ConditionValue = { readonly status: 'True' | 'False'; readonly reason?: string; readonly message?: string };

/** The object with conditions set; a condition whose status stays keeps the time of its last change. */
export const withConditions = (
  object: KubeObject,
  time: string,
  values: Readonly<Record<string, ConditionValue>>,
): KubeObject => {
  const known = listAt(object, 'status', 'conditions').filter(isObject);
  const changed = Object.entries(values).map(([type, value]) => {
    const before = known.find((condition) => textAt(condition, 'type') === type);
    const since = before !== undefined && before['status'] === value.status ? before['lastTransitionTime'] : time;
    return { type, lastProbeTime: null, lastTransitionTime: since, ...value };
  });
  const others = known.filter((condition) => !Object.hasOwn(values, textAt(condition, 'type')));
  return kubeObject({ ...object, status: { ...objectAt(object, 'status'), conditions: [...others, ...changed] } });
};

/** How one container is. */
export type ContainerState =
  | { readonly is: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly is: 'running'; readonly since: string }
  | {
      readonly is: 'ended';
      readonly exitCode: number;
      readonly reason: string;
      readonly message?: string;
      readonly from: string;
      readonly to: string;
    };

export type ContainerReport = {
  readonly name: string;
  /** As the spec has it, or as the runtime names it once it is there. */
  readonly image: string;
  readonly imageId: string;
  readonly state: ContainerState;
};

const stateOf = (state: ContainerState, id: string): JsonObject => {
  switch (state.is) {
    case 'waiting':
      return { waiting: compact({ reason: state.reason, message: state.message }) };
    case 'running':
      return { running: { startedAt: state.since } };
    case 'ended':
      return {
        terminated: {
          exitCode: state.exitCode,
          reason: state.reason,
          ...(state.message === undefined ? {} : { message: state.message }),
          startedAt: state.from,
          finishedAt: state.to,
          containerID: id,
        },
      };
  }
};

/** A containerStatus as a kubelet writes it. */
export const containerStatus = ({ name, image, imageId, state }: ContainerReport, id: string): JsonObject => ({
  name,
  image,
  imageID: imageId,
  ...(state.is === 'waiting' ? {} : { containerID: id }),
  ready: state.is === 'running',
  started: state.is === 'running',
  restartCount: 0,
  lastState: {},
  state: stateOf(state, id),
});

/** A pod's phase by its containers: Pending while any waits, over when all have ended. */
export const phaseOf = (states: readonly ContainerState[]): 'Pending' | 'Running' | 'Succeeded' | 'Failed' => {
  if (states.some(({ is }) => is === 'waiting')) return 'Pending';
  if (states.some(({ is }) => is === 'running')) return 'Running';
  return states.every((state) => state.is === 'ended' && state.exitCode === 0) ? 'Succeeded' : 'Failed';
};

/** What a kubelet knows of one Pod, written to the API when a step ends. */
export type PodStatusBuffer = {
  readonly pod: KubeObject;
  readonly now: () => number;
  readonly know: (container: string, record: ContainerRecord) => void;
  readonly known: (container: string) => ContainerRecord | undefined;
  readonly change: (changes: Partial<PodRecord>) => void;
  readonly states: () => readonly ContainerState[];
  /** Writes the pod's status, but for when work goes on quietly. */
  readonly post: () => void;
  /** Work without status updates: a kubelet that pulls reports nothing until its pass ends. */
  readonly quietly: <T>(work: () => Promise<T>) => Promise<T>;
  readonly isQuiet: () => boolean;
  readonly later: (ms: number, run: () => void) => void;
  readonly pause: (ms: number) => Promise<void>;
  /** Stops all work and updates. */
  readonly close: () => void;
  readonly isClosed: () => boolean;
};

export const podStatusBuffer = (
  { core, operations }: World,
  pod: KubeObject,
  addresses: Pick<PodRecord, 'hostIp' | 'podIp'>,
): PodStatusBuffer => {
  const { clock } = core;
  const containers = new Map<string, ContainerRecord>();
  const cancels = new Set<() => void>();
  let record: PodRecord = { containers, hasSandbox: false, isSettled: false, started: clock.now(), ...addresses };
  let [isClosed, isQuiet] = [false, false];
  const later = (ms: number, run: () => void): void => {
    const cancel = clock.after(ms, () => {
      cancels.delete(cancel);
      if (!isClosed) run();
    });
    cancels.add(cancel);
  };
  const updated = (current: KubeObject): KubeObject => {
    const next = reported(current, record, clock.now());
    return isDeepStrictEqual(next, current) ? current : next;
  };
  return {
    pod,
    now: clock.now,
    know: (container, known) => containers.set(container, known),
    known: (container) => containers.get(container),
    change: (changes) => {
      record = { ...record, ...changes };
    },
    states: () => statesOf(pod, record, clock.now()),
    post: () => {
      if (!isClosed && !isQuiet) operations.update(pods, pod, updated, 'status');
    },
    quietly: async (work) => {
      isQuiet = true;
      const done = await work();
      isQuiet = false;
      return done;
    },
    isQuiet: () => isQuiet,
    later,
    pause: (ms) => new Promise((resolve) => later(ms, resolve)),
    close: () => {
      isClosed = true;
      for (const cancel of cancels) cancel();
      cancels.clear();
    },
    isClosed: () => isClosed,
  };
};
