import { selectsNode } from '#model/desired/node-selector.ts';
import { type Node, untoleratedTaint } from '#model/node/node.ts';
import type { PodPlacement, Requirement, SelectorTerm } from '#model/workload/workload.ts';

/** Why the Pod cannot be scheduled to the node; undefined if nothing known keeps it away. */
export function exclusion(pod: PodPlacement, node: Node): string | undefined {
  if (pod.nodeName !== '') return pod.nodeName === node.name ? undefined : `the Pod is bound to node ${pod.nodeName}`;
  if (node.isBeingDeleted) return 'the node is being deleted';
  if (!node.isReady) return 'the node is not ready';
  if (!selectsNode({ nodeSelector: pod.nodeSelector, nodeMatchExpressions: [] }, node))
    return `the node selector does not match: ${unmatchedLabels(pod, node)}`;
  if (pod.affinity !== undefined && !pod.affinity.some((term) => matchesTerm(term, node)))
    return 'the required node affinity does not match';
  if (pod.operatingSystem !== '' && pod.operatingSystem !== node.operatingSystem)
    return `the Pod requires ${pod.operatingSystem}, the node runs ${node.operatingSystem}`;
  const taint = untoleratedTaint(pod.tolerations, node.taints) ?? cordon(pod, node);
  return taint === undefined ? undefined : `the taint ${taint.key}:${taint.effect} is not tolerated`;
}

const unmatchedLabels = ({ nodeSelector }: PodPlacement, { labels }: Node): string =>
  Object.entries(nodeSelector)
    .filter(([key, value]) => labels[key] !== value)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

/** A cordoned node gets its taint a moment later. */
function cordon({ tolerations }: PodPlacement, { isUnschedulable }: Node) {
  const taint = { key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' };
  return isUnschedulable ? untoleratedTaint(tolerations, [taint]) : undefined;
}

/** An empty term matches no node; the only field is the node's name. */
function matchesTerm({ matchExpressions, matchFields }: SelectorTerm, node: Node): boolean {
  const byName = { ...node, labels: { 'metadata.name': node.name } };
  return (
    matchExpressions.length + matchFields.length > 0 && matches(matchExpressions, node) && matches(matchFields, byName)
  );
}

const matches = (nodeMatchExpressions: readonly Requirement[], node: Node): boolean =>
  selectsNode({ nodeSelector: {}, nodeMatchExpressions }, node);
