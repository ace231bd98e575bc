import { createHash } from 'node:crypto';
import { type JsonObject, listAt, numberAt, objectAt, textAt } from '../json.ts';
import { nodes } from '../api/kinds/node.ts';
import { pods } from '../api/kinds/pod.ts';
import { type KubeObject, isTerminating, nameOf, uidOf } from '../api/kube-object.ts';
import type { World } from './controller.ts';
import { createImageStore } from './image-store.ts';
import { startNodeAgent } from './node-agent.ts';
import { isReady } from './node-fit.ts';
import { type PodWorker, startPod } from './pod-worker.ts';

/** The kubelet of one Node. */
export type Kubelet = {
  readonly uid: string;
  readonly look: (pod: KubeObject, isGone: boolean) => void;
  /** `assigned` are the Pods of the node. */
  readonly nodeChanged: (node: KubeObject, assigned: readonly KubeObject[]) => void;
  readonly stop: () => void;
};

const isAssignedTo = (pod: KubeObject, node: string): boolean => textAt(pod, 'spec', 'nodeName') === node;
const graceOf = (pod: KubeObject): number => numberAt(pod, 'metadata', 'deletionGracePeriodSeconds') ?? 0;
const isOver = (pod: KubeObject): boolean => ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
const octet = (text: string): number => 1 + ((createHash('sha256').update(text).digest()[0] ?? 0) % 250);

const addressOf = (node: KubeObject): string =>
  textAt(
    listAt(node, 'status', 'addresses').find((one) => textAt(one, 'type') === 'InternalIP'),
    'address',
  ) || '127.0.0.1';

/** A Pod that only a finalizer keeps: its kubelet has released it and no longer reports reasons. */
const forgotten = (pod: KubeObject): JsonObject => {
  const statuses = listAt(pod, 'status', 'containerStatuses').map((status) =>
    textAt(status, 'state', 'waiting', 'reason') === ''
      ? status
      : { ...objectAt({ status }, 'status'), state: { waiting: { reason: 'PodInitializing' } } },
  );
  if (!isTerminating(pod) || statuses.length === 0) return pod;
  return { ...pod, status: { ...objectAt(pod, 'status'), containerStatuses: statuses } };
};

/** Starts the kubelet of a Node: it pulls and runs what it is given. */
export const startKubelet = (world: World, node: KubeObject): Kubelet => {
  const { operations, timings } = world;
  const { clock } = world.core;
  const name = nameOf(node);
  const workers = new Map<string, PodWorker>();
  const agent = startNodeAgent(world, node);
  const images = createImageStore(clock, timings, () => agent.imagesChanged(images.images));
  let isStopped = false;
  const begin = (pod: KubeObject): void => {
    const current = operations.find(nodes, '', name);
    if (current === undefined || !isReady(current) || isOver(pod)) return;
    const podIp = `10.244.${octet(uidOf(node))}.${octet(uidOf(pod))}`;
    workers.set(uidOf(pod), startPod(pod, { world, images, node: name, hostIp: addressOf(current), podIp }));
  };
  const drop = (pod: KubeObject): void => {
    workers.get(uidOf(pod))?.stop();
    workers.delete(uidOf(pod));
  };
  const end = (pod: KubeObject): void => {
    const worker = workers.get(uidOf(pod));
    if (graceOf(pod) === 0) {
      drop(pod);
      if (worker !== undefined) clock.after(20, () => operations.update(pods, pod, forgotten, 'status'));
    } else if (worker === undefined || isOver(pod))
      clock.after(50, () => operations.remove(pods, pod, { gracePeriodSeconds: 0 }));
    else worker.terminate();
  };
  const look = (pod: KubeObject, isGone: boolean): void => {
    if (isStopped || !isAssignedTo(pod, name)) return;
    if (isGone) drop(pod);
    else if (isTerminating(pod)) end(pod);
    else if (!workers.has(uidOf(pod))) begin(pod);
  };
  return {
    uid: uidOf(node),
    look,
    nodeChanged: (current, assigned) => {
      if (isReady(current)) for (const pod of assigned) if (!isTerminating(pod)) look(pod, false);
    },
    stop: () => {
      isStopped = true;
      agent.stop();
      images.stop();
      for (const worker of workers.values()) worker.stop();
    },
  };
};
