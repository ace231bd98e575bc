import { at, isObject, listAt, objectAt, textAt, textsAt } from '../json.ts';
import { type KubeObject, isTerminating, labelsOf, nameOf } from '../api/kube-object.ts';
import { matchesLabels, requirementsOf } from '../api/selectors/label-selector.ts';

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
