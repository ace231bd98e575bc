import { at, listAt, objectAt, textAt, withAt } from '../json.ts';
import { nodes, notReadyKey } from '../api/kinds/node.ts';
import { pods } from '../api/kinds/pod.ts';
import { type KubeObject, kubeObject, nameOf, uidOf, wireTime } from '../api/kube-object.ts';
import { type Controller, type World, subscribe, keyOf, splitKey } from './controller.ts';
import { type Kubelet, startKubelet } from './kubelet.ts';
import { isReady } from './node-fit.ts';
import { withConditions } from './pod-status.ts';
import { objectIndex } from './object-index.ts';
import { createQueue } from './queue.ts';

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
