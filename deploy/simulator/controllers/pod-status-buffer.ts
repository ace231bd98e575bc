import { isDeepStrictEqual } from 'node:util';
import { pods } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { World } from './controller.ts';
import { type ContainerRecord, type PodRecord, reported, statesOf } from './pod-record.ts';
import type { ContainerState } from './pod-status.ts';

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
