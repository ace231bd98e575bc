import type { ImageCache, NodeTerms } from '#model/cache/image-cache.ts';
import { type NodeMatchExpression, type Toleration, matchesLabel } from '#model/cache/spec-schema.ts';
import { lastingTaints, type Node, type Taint, untoleratedTaint } from '#model/node/node.ts';
import type { Observed } from '#model/observed.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** What of a node lists select by; taints that are not known do not matter. */
export type Labelled = Pick<Node, 'labels'> & Partial<Pick<Node, 'taints'>>;

/** Whether a list selects a node: its nodeSelector and all its nodeMatchExpressions must match, and its tolerations the taints. */
export function selectsNode(list: NodeTerms, node: Labelled): boolean {
  return (
    (list.tolerations === undefined || toleratesNode(list.tolerations, node.taints ?? [])) &&
    Object.entries(list.nodeSelector).every(([key, value]) => ownEntry(node.labels, key) === value) &&
    list.nodeMatchExpressions.every((expression) => matchesNodeLabel(expression, ownEntry(node.labels, expression.key)))
  );
}

/** Whether Pods may run on a node with these taints, once it is as it usually is. */
const toleratesNode = (tolerations: readonly Toleration[], taints: readonly Taint[]): boolean =>
  untoleratedTaint(tolerations, lastingTaints(taints)) === undefined;

/** Whether a change of a node may change what a cache does, judged by its labels. A cache with a warm gate removes the startup taint of nodes that it does not select, too. */
export const concernsLabels = ({ spec }: Pick<ImageCache, 'spec'>, labels: Node['labels']): boolean =>
  spec.warmGate !== undefined || spec.lists.some((list) => selectsNode(list, { labels }));

/** The same, judged by its status: the node was selected before, or images are to be removed from it. */
export const concernsLedger = ({ status }: Pick<ImageCache, 'status'>, node: string): boolean =>
  ownEntry(status.nodes, node) !== undefined || ownEntry(status.removals, node) !== undefined;

/** Names of nodes whose state is known: all that were read and, if all Nodes were listed, those in the ledger that no longer exist. */
export const observedNodes = (observed: Observed, ledger: Readonly<Record<string, unknown>>): ReadonlySet<string> =>
  new Set([...(observed.hasAllNodes ? Object.keys(ledger) : []), ...observed.nodes.keys()]);

/**
 * A label selector that every node of a list matches, to list fewer nodes: others may match it too, as requirements that a selector of the
 * API server cannot express are left out. '' selects all.
 */
export const labelSelectorOf = ({ nodeSelector, nodeMatchExpressions }: NodeTerms): string =>
  [
    ...Object.entries(nodeSelector).map(([key, value]) => requirement({ key, operator: 'In', values: [value] })),
    ...nodeMatchExpressions.map(requirement),
  ]
    .filter((term) => term !== '')
    .join();

const labelKey = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/;

function requirement({ key, operator, values }: NodeMatchExpression): string {
  if (!labelKey.test(key)) return '';
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  const isSet = operator === 'In' || operator === 'NotIn';
  if (!isSet || values.length === 0 || !values.every((value) => labelValue.test(value))) return '';
  return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join()})`;
}

/** A core/v1 NodeSelectorRequirement, which besides those of a LabelSelector has Gt and Lt: they compare integers. */
const matchesNodeLabel = ({ operator, values }: NodeMatchExpression, label: string | undefined): boolean =>
  operator === 'Gt' || operator === 'Lt'
    ? isBeyond(operator, label, values[0])
    : matchesLabel({ operator, values }, label);

function isBeyond(operator: 'Gt' | 'Lt', label: string | undefined, bound: string | undefined): boolean {
  if (label === undefined || bound === undefined || !/^-?\d+$/.test(label) || !/^-?\d+$/.test(bound)) return false;
  return operator === 'Gt' ? BigInt(label) > BigInt(bound) : BigInt(label) < BigInt(bound);
}
