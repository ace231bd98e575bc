import { listAt, textAt, withAt } from '../json.ts';
import { nodes } from '../api/kinds/node.ts';
import { pods } from '../api/kinds/pod.ts';
import { type KubeObject, isTerminating, kubeObject, nameOf, namespaceOf, wireTime } from '../api/kube-object.ts';
import { type Controller, type World, hear, keyOf, splitKey } from './controller.ts';
import { misfit } from './node-fit.ts';
import { createQueue } from './queue.ts';
import { withConditions } from './pod-status.ts';

const component = 'default-scheduler' as const;

const isOpen = (pod: KubeObject): boolean => textAt(pod, 'spec', 'nodeName') === '' && !isTerminating(pod);

const load = ({ acts }: World, node: string): number =>
  acts.list(pods).filter((pod) => textAt(pod, 'spec', 'nodeName') === node).length;

const refusal = (all: readonly KubeObject[], pod: KubeObject): string => {
  const reasons = Map.groupBy(all, (node) => misfit(pod, node) ?? '');
  const counted = [...reasons].map(([reason, some]) => `${some.length} ${reason}`).sort();
  return all.length === 0
    ? 'no nodes available to schedule pods'
    : `0/${all.length} nodes are available: ${counted.join(', ')}.`;
};

/** Gives pods to the least loaded node that takes them. */
export const scheduler: Controller = (world) => {
  const { core, acts } = world;
  const assign = (pod: KubeObject, node: string): void => {
    const time = wireTime(core.clock.now());
    const bound = acts.update(pods, pod, (current) => withAt(current, ['spec', 'nodeName'], node));
    if (bound === undefined) return;
    acts.update(
      pods,
      bound,
      (current) => withConditions(current, time, { PodScheduled: { status: 'True' } }),
      'status',
    );
    const message = `Successfully assigned ${namespaceOf(pod)}/${nameOf(pod)} to ${node}`;
    acts.tell({ about: pod, type: 'Normal', reason: 'Scheduled', message, component });
  };
  const refuse = (pod: KubeObject, message: string): void => {
    const time = wireTime(core.clock.now());
    const isKnown = listAt(pod, 'status', 'conditions').some((one) => textAt(one, 'message') === message);
    if (isKnown) return;
    const why = { status: 'False', reason: 'Unschedulable', message } as const;
    acts.update(pods, pod, (current) => withConditions(current, time, { PodScheduled: why }), 'status');
    acts.tell({ about: pod, type: 'Warning', reason: 'FailedScheduling', message, component });
  };
  const look = (key: string): void => {
    const pod = acts.find(pods, ...splitKey(key));
    if (pod === undefined || !isOpen(pod)) return;
    const all = acts.list(nodes);
    const [best] = all
      .filter((node) => misfit(pod, node) === undefined)
      .map((node) => ({ name: nameOf(node), load: load(world, nameOf(node)) }))
      .sort((left, right) => left.load - right.load);
    if (best === undefined) refuse(pod, refusal(all, pod));
    else assign(pod, best.name);
  };
  const queue = createQueue(core.clock, look, (key, error) => world.failed(`scheduling of ${key}`, error));
  const stops = [
    hear(core, pods, (pod, change) => {
      if (change?.type !== 'DELETED' && isOpen(kubeObject(pod))) queue.add(keyOf(pod));
    }),
    hear(core, nodes, () => {
      for (const pod of acts.list(pods)) if (isOpen(pod)) queue.add(keyOf(pod));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    queue.stop();
  };
};
