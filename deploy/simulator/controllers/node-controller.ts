import { at, listAt, objectAt, textAt, withAt, type JsonObject, numberAt } from '../json.ts';
import { nodes, notReadyKey } from '../api/kinds/node.ts';
import { pods } from '../api/kinds/pod.ts';
import { type KubeObject, kubeObject, nameOf, uidOf, wireTime, isTerminating } from '../api/kube-object.ts';
import { type Controller, type World, subscribe, keyOf, splitKey, objectIndex, createQueue } from './controller.ts';
import { isReady } from './scheduler.ts';
import { withConditions } from './pod-status.ts';
import { createHash } from 'node:crypto';
import { createImageStore } from './image-store.ts';
import { startNodeAgent } from './node-agent.ts';
import { type PodWorker, startPod } from './pod-worker.ts';

const cordonKey = 'node.kubernetes.io/unschedulable' as const;

/** A node that is cordoned or not ready carries a taint that says so. */
const keepTaints = ({ operations, core }: World, node: KubeObject): void => {
  const wanted = [
    ...(at(node, 'spec', 'unschedulable') === true ? [cordonKey] : []),
    ...(isReady(node) ? [] : [notReadyKey]),
  ];
  const taints = listAt(node, 'spec', 'taints');
  const isOwn = (taint: unknown): boolean => [cordonKey, notReadyKey].some((key) => key === textAt(taint, 'key'));
  const own = taints.filter(isOwn).map((taint) => textAt(taint, 'key'));
  if (own.length === wanted.length && wanted.every((key) => own.includes(key))) return;
  const time = wireTime(core.clock.now());
  const next = [
    ...taints.filter((taint) => !isOwn(taint) || wanted.some((key) => key === textAt(taint, 'key'))),
    ...wanted.filter((key) => !own.includes(key)).map((key) => ({ key, effect: 'NoSchedule', timeAdded: time })),
  ];
  operations.update(nodes, node, (current) =>
    withAt(current, ['spec', 'taints'], next.length === 0 ? undefined : next),
  );
};

/** A pod whose node is gone: said to be lost, then taken out. */
const cleanUp = (world: World, key: string): void => {
  const { operations, core } = world;
  const pod = operations.find(pods, ...splitKey(key));
  const node = textAt(pod, 'spec', 'nodeName');
  if (pod === undefined || node === '' || operations.find(nodes, '', node) !== undefined) return;
  const why = { status: 'True', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' } as const;
  if (!['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase')))
    operations.update(
      pods,
      pod,
      (current) => {
        const conditioned = withConditions(current, wireTime(core.clock.now()), { DisruptionTarget: why });
        return kubeObject({ ...conditioned, status: { ...objectAt(conditioned, 'status'), phase: 'Failed' } });
      },
      'status',
    );
  operations.remove(pods, pod, { gracePeriodSeconds: 0 });
};

/** Gives every Node a kubelet, marks cordoned ones, and cleans up after those that are gone. */
export const nodeController: Controller = (world) => {
  const { core, operations, timings } = world;
  const kubelets = new Map<string, Kubelet>();
  const byNode = objectIndex(core, pods, (pod) => [textAt(pod, 'spec', 'nodeName')]);
  const retire = (name: string): void => {
    kubelets.get(name)?.stop();
    kubelets.delete(name);
    for (const pod of byNode.of(name)) lost.add(keyOf(pod), timings.podCleanup);
  };
  const lookAtNode = (name: string): void => {
    const node = operations.find(nodes, '', name);
    const known = kubelets.get(name);
    if (known !== undefined && (node === undefined || uidOf(node) !== known.uid)) retire(name);
    if (node === undefined) return;
    if (!kubelets.has(name)) kubelets.set(name, startKubelet(world, node));
    keepTaints(world, node);
    kubelets.get(name)?.nodeChanged(node, byNode.of(name));
  };
  const lookAtPod = (key: string): void => {
    const pod = operations.find(pods, ...splitKey(key));
    const node = textAt(pod, 'spec', 'nodeName');
    if (pod === undefined || node === '') return;
    if (operations.find(nodes, '', node) === undefined) lost.add(key, timings.podCleanup);
    else kubelets.get(node)?.look(pod, false);
  };
  const failed = (key: string, error: unknown): void => world.failed(`node or pod ${key}`, error);
  const changedNodes = createQueue(core.clock, lookAtNode, failed);
  const changedPods = createQueue(core.clock, lookAtPod, failed);
  const lost = createQueue(core.clock, (key) => cleanUp(world, key), failed);
  const stops = [
    subscribe(core, nodes, (node) => changedNodes.add(nameOf(node))),
    subscribe(core, pods, (pod, change) => {
      if (change?.type === 'DELETED') kubelets.get(textAt(pod, 'spec', 'nodeName'))?.look(pod, true);
      else changedPods.add(keyOf(pod));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    byNode.stop();
    for (const queue of [changedNodes, changedPods, lost]) queue.stop();
    for (const kubelet of kubelets.values()) kubelet.stop();
  };
};

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
const startKubelet = (world: World, node: KubeObject): Kubelet => {
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
