import { createHash } from 'node:crypto';
import { listAt, objectAt, textAt } from '../json.ts';
import { nodes } from '../api/kinds/node.ts';
import { pods } from '../api/kinds/pod.ts';
import { type KubeObject, isTerminating, kubeObject, nameOf, uidOf, wireTime } from '../api/kube-object.ts';
import { type World, keyOf } from './controller.ts';
import { createImageStore } from './image-store.ts';
import { isReady } from './node-fit.ts';
import { heartbeat, registered } from './node-status.ts';
import { type PodWorker, graceOf, isAssignedTo, startPod } from './pod-worker.ts';

/** The kubelet of one Node. */
export type Kubelet = {
  readonly uid: string;
  readonly look: (pod: KubeObject, isGone: boolean) => void;
  readonly nodeChanged: (node: KubeObject) => void;
  readonly stop: () => void;
};

const beat = 5 * 60_000;
const isOver = (pod: KubeObject): boolean => ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
const octet = (text: string): number => 1 + ((createHash('sha256').update(text).digest()[0] ?? 0) % 250);

/** Starts the kubelet of a Node: registers it, pulls and runs what it is given, and tells its images. */
export const startKubelet = (world: World, node: KubeObject): Kubelet => {
  const { core, acts, timings } = world;
  const { clock } = core;
  const name = nameOf(node);
  const workers = new Map<string, PodWorker>();
  let isStopped = false;
  let cancelStatus: (() => void) | undefined;
  const changeStatus = (change: (current: KubeObject) => KubeObject): void => {
    if (!isStopped) acts.update(nodes, node, change, 'status');
  };
  const images = createImageStore(clock, timings, () => {
    cancelStatus ??= clock.after(timings.nodeStatus, () => {
      cancelStatus = undefined;
      changeStatus((current) =>
        kubeObject({ ...current, status: { ...objectAt(current, 'status'), images: listed() } }),
      );
    });
  });
  const listed = (): readonly object[] =>
    images
      .images()
      .slice(0, 50)
      .map(({ repository, name: tagged, digest, size }) => ({
        names: [...new Set([`${repository}@${digest}`, tagged])],
        sizeBytes: size,
      }));
  const keepBeating = (): void => {
    cancelBeat = clock.after(beat, () => {
      changeStatus((current) => heartbeat(current, wireTime(clock.now())));
      keepBeating();
    });
  };
  let cancelBeat: (() => void) | undefined;
  const cancelReady = clock.after(timings.nodeReady, () => {
    const current = acts.find(nodes, '', name);
    if (current === undefined || uidOf(current) !== uidOf(node)) return;
    acts.update(nodes, node, (now) => registered(now, wireTime(clock.now())).named);
    changeStatus((now) => registered(now, wireTime(clock.now())).ready);
    keepBeating();
  });
  const wipe = (pod: KubeObject): void =>
    void clock.after(20, () => {
      // A pod that only a finalizer keeps: its kubelet has let go of it, and of what it knew.
      acts.update(
        pods,
        pod,
        (current) => {
          if (!isTerminating(current)) return current;
          const statuses = listAt(current, 'status', 'containerStatuses').map((status) =>
            textAt(status, 'state', 'waiting', 'reason') === ''
              ? status
              : { ...objectAt({ status }, 'status'), state: { waiting: { reason: 'PodInitializing' } } },
          );
          return statuses.length === 0
            ? current
            : { ...current, status: { ...objectAt(current, 'status'), containerStatuses: statuses } };
        },
        'status',
      );
    });
  const begin = (pod: KubeObject): void => {
    const current = acts.find(nodes, '', name);
    if (current === undefined || !isReady(current) || isOver(pod)) return;
    const hostIp = textAt(
      listAt(current, 'status', 'addresses').find((one) => textAt(one, 'type') === 'InternalIP'),
      'address',
    );
    const podIp = `10.244.${octet(uidOf(node))}.${octet(uidOf(pod))}`;
    workers.set(
      keyOf(pod) + uidOf(pod),
      startPod({ world, images, pod, node: name, hostIp: hostIp || '127.0.0.1', podIp }),
    );
  };
  const look = (pod: KubeObject, isGone: boolean): void => {
    if (isStopped || !isAssignedTo(pod, name)) return;
    const key = keyOf(pod) + uidOf(pod);
    const worker = workers.get(key);
    if (isGone) {
      worker?.stop();
      workers.delete(key);
    } else if (!isTerminating(pod)) {
      if (worker === undefined) begin(pod);
    } else if (graceOf(pod) > 0) {
      if (worker === undefined || isOver(pod))
        void clock.after(50, () => acts.remove(pods, pod, { gracePeriodSeconds: 0 }));
      else worker.terminate();
    } else if (worker !== undefined) {
      worker.stop();
      workers.delete(key);
      wipe(pod);
    }
  };
  return {
    uid: uidOf(node),
    look,
    nodeChanged: (current) => {
      if (isReady(current)) for (const pod of acts.list(pods)) if (!isTerminating(pod)) look(pod, false);
    },
    stop: () => {
      isStopped = true;
      cancelReady();
      cancelStatus?.();
      cancelBeat?.();
      images.stop();
      for (const worker of workers.values()) worker.stop();
    },
  };
};
