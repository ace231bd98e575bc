import { at, listAt, textAt, withAt, isObject, objectAt, textsAt } from '../json.ts';
import { nodes } from '../api/kinds/node.ts';
import { pods } from '../api/kinds/pod.ts';
import {
  type KubeObject,
  isTerminating,
  kubeObject,
  nameOf,
  namespaceOf,
  wireTime,
  labelsOf,
} from '../api/kube-object.ts';
import { type Controller, subscribe, keyOf, splitKey, objectIndex, createQueue } from './controller.ts';
import { withConditions } from './pod-status.ts';
import { matchesLabels, requirementsOf } from '../api/selectors.ts';

const component = 'default-scheduler' as const;

const isOpen = (pod: KubeObject): boolean => textAt(pod, 'spec', 'nodeName') === '' && !isTerminating(pod);

/** The only node that a Pod can be on by its affinity; undefined where it names none. */
const namedNode = (pod: KubeObject): string | undefined => {
  const required = at(pod, 'spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution');
  const [term, ...others] = listAt(required, 'nodeSelectorTerms');
  const [field] = listAt(term, 'matchFields');
  const isName = textAt(field, 'key') === 'metadata.name' && textAt(field, 'operator') === 'In';
  const [name, ...more] = listAt(field, 'values');
  return isName && others.length + more.length === 0 && typeof name === 'string' ? name : undefined;
};

const refusal = (all: readonly KubeObject[], pod: KubeObject): string => {
  const reasons = Map.groupBy(all, (node) => misfit(pod, node) ?? '');
  const counted = [...reasons].map(([reason, some]) => `${some.length} ${reason}`).sort();
  return all.length === 0
    ? 'no nodes available to schedule pods'
    : `0/${all.length} nodes are available: ${counted.join(', ')}.`;
};

/** Gives pods to the least loaded node that takes them. */
export const scheduler: Controller = (world) => {
  const { core, operations } = world;
  const byNode = objectIndex(core, pods, (pod) => [textAt(pod, 'spec', 'nodeName')]);
  const assign = (pod: KubeObject, node: string): void => {
    const time = wireTime(core.clock.now());
    const bound = operations.update(pods, pod, (current) => withAt(current, ['spec', 'nodeName'], node));
    if (bound === undefined) return;
    operations.update(
      pods,
      bound,
      (current) => withConditions(current, time, { PodScheduled: { status: 'True' } }),
      'status',
    );
    const message = `Successfully assigned ${namespaceOf(pod)}/${nameOf(pod)} to ${node}`;
    operations.recordEvent({ about: pod, type: 'Normal', reason: 'Scheduled', message, component });
  };
  const refuse = (pod: KubeObject, message: string): void => {
    const time = wireTime(core.clock.now());
    const isKnown = listAt(pod, 'status', 'conditions').some((one) => textAt(one, 'message') === message);
    if (isKnown) return;
    const why = { status: 'False', reason: 'Unschedulable', message } as const;
    operations.update(pods, pod, (current) => withConditions(current, time, { PodScheduled: why }), 'status');
    operations.recordEvent({ about: pod, type: 'Warning', reason: 'FailedScheduling', message, component });
  };
  const look = (key: string): void => {
    const pod = operations.find(pods, ...splitKey(key));
    if (pod === undefined || !isOpen(pod)) return;
    const named = namedNode(pod);
    const candidates = named === undefined ? operations.list(nodes) : [operations.find(nodes, '', named) ?? []].flat();
    const [best] = candidates
      .filter((node) => misfit(pod, node) === undefined)
      .map((node) => ({ name: nameOf(node), load: byNode.of(nameOf(node)).length }))
      .sort((left, right) => left.load - right.load);
    if (best === undefined) refuse(pod, refusal(operations.list(nodes), pod));
    else assign(pod, best.name);
  };
  const queue = createQueue(core.clock, look, (key, error) => world.failed(`scheduling of ${key}`, error));
  const stops = [
    subscribe(core, pods, (pod, change) => {
      if (change?.type !== 'DELETED' && isOpen(kubeObject(pod))) queue.add(keyOf(pod));
    }),
    subscribe(core, nodes, () => {
      for (const pod of byNode.of('')) if (isOpen(pod)) queue.add(keyOf(pod));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    byNode.stop();
    queue.stop();
  };
};

const tolerates = (toleration: unknown, taint: unknown): boolean => {
  const [key, effect] = [textAt(toleration, 'key'), textAt(toleration, 'effect')];
  if (effect !== '' && effect !== textAt(taint, 'effect')) return false;
  const exists = textAt(toleration, 'operator') === 'Exists';
  if (key === '') return exists;
  return key === textAt(taint, 'key') && (exists || textAt(toleration, 'value') === textAt(taint, 'value'));
};

const matchesTerm = (node: KubeObject, term: unknown): boolean => {
  const [expressions, fields] = [listAt(term, 'matchExpressions'), listAt(term, 'matchFields')];
  if (expressions.length === 0 && fields.length === 0) return false;
  return (
    matchesLabels({ 'metadata.name': nameOf(node) }, requirementsOf(fields)) &&
    matchesLabels(objectAt(node, 'metadata', 'labels'), requirementsOf(expressions))
  );
};

const matchesAffinity = (pod: KubeObject, node: KubeObject): boolean => {
  const required = at(pod, 'spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution');
  const selected = Object.entries(textsAt(pod, 'spec', 'nodeSelector')).every(
    ([key, value]) => labelsOf(node)[key] === value,
  );
  if (!selected) return false;
  return !isObject(required) || listAt(required, 'nodeSelectorTerms').some((term) => matchesTerm(node, term));
};

export const isReady = (node: KubeObject): boolean =>
  listAt(node, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );

/** Why a node does not take a pod, in the scheduler's words; undefined where it does. */
export const misfit = (pod: KubeObject, node: KubeObject): string | undefined => {
  if (!matchesAffinity(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
  const tolerations = listAt(pod, 'spec', 'tolerations');
  const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  const isOpen = (taint: unknown): boolean => tolerations.some((toleration) => tolerates(toleration, taint));
  if (at(node, 'spec', 'unschedulable') === true && !isOpen(cordon)) return 'node(s) were unschedulable';
  const taint = listAt(node, 'spec', 'taints').find(
    (one) => ['NoSchedule', 'NoExecute'].includes(textAt(one, 'effect')) && !isOpen(one),
  );
  if (taint !== undefined) return `node(s) had untolerated taint(s)`;
  if (isTerminating(node) || Object.keys(objectAt(node, 'status', 'allocatable')).length === 0)
    return 'node(s) were not ready';
  return undefined;
};
