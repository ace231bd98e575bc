import { refusedMessage } from '#model/cache/conditions.ts';
import type { ImageList } from '#model/cache/image-cache.ts';
import { isPurged } from '#model/cache/image-cache.ts';
import { imageLost } from '#model/cache/failures.ts';
import { desiredImages, lacksOwn } from '#model/desired/desired-images.ts';
import { lostImages } from '#model/desired/presence.ts';
import { selectsNode } from '#model/desired/node-selector.ts';
import { gateEnd, gateOffEvents } from '#model/desired/warm-gate.ts';
import {
  lastingTaints,
  type Node,
  type SkipReason,
  skipReason,
  keepingTaint,
  untoleratedTaint,
  pullRules,
} from '#model/node/node.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { counted } from '../units.ts';
import { timeText } from '#model/text/times.ts';
import { imageSteps } from './image-steps.ts';
import { type Explained, type Step, step } from './step.ts';

/** Why a node has the images of a cache or not: the steps from the spec to the kubelet, up to the one that holds it up. */
export type Explanation = {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly isReady: boolean;
  readonly steps: readonly Step[];
};

/** Walks the chain in the order in which functions decide, and ends with the first step that holds the node up. */
export function explanation(input: Explained): Explanation {
  const { cache, name } = input;
  const steps: Step[] = [];
  for (const explain of chain) {
    steps.push(...explain(input));
    if (steps.some(({ verdict }) => verdict !== 'ok')) break;
  }
  const isReady = steps.every(({ verdict }) => verdict === 'ok');
  return { namespace: cache.namespace, name: cache.name, node: name, isReady, steps };
}

const chain: readonly ((input: Explained) => readonly Step[])[] = [
  cacheStep,
  selectionStep,
  eligibilityStep,
  observationStep,
  ledgerStep,
];

function cacheStep({ cache }: Explained): readonly Step[] {
  if (cache.isBeingDeleted) return [step('fails', 'the cache is being deleted: nothing is pulled any more')];
  if (cache.spec.suspend) return [step('fails', 'spec.suspend is true: nothing is pulled until it is false')];
  if (isPurged(cache)) return [step('fails', 'the cache is purged: an edit or a refresh brings its images back')];
  const refused = refusedMessage(cache.status);
  if (refused !== undefined) return [step('fails', `the cache is not served. ${refused}`)];
  return [step('ok', 'the cache is at work: not suspended, not purged, not being deleted')];
}

function selectionStep({ cache, node, settings }: Explained): readonly Step[] {
  const { lists } = cache.spec;
  const desired = desiredImages(cache, node, settings);
  const nameOf = (index: number): string =>
    lists[index]?.isFound === true ? 'imagesFrom' : `spec.cacheSpec[${index}]`;
  if (desired === undefined) {
    const missed = lists.flatMap((list, index) =>
      lacksOwn(list) ? [] : [step('fails', `${nameOf(index)} does not select it: ${mismatch(list, node)}`)],
    );
    return missed.length > 0 ? missed : [step('fails', 'no workload names an image, and the spec lists none')];
  }
  const named = desired.lists.map(nameOf).join(', ');
  const verb = desired.lists.length === 1 ? 'selects' : 'select';
  return [step('ok', `${named} ${verb} it: ${counted(desired.images.length, 'image')}`)];
}

/** The labels that a list demands and the node does not have so, and the taint that Pods of its workloads do not tolerate. */
function mismatch({ nodeSelector, nodeMatchExpressions, tolerations }: ImageList, node: Node): string {
  const taint = tolerations && untoleratedTaint(tolerations, lastingTaints(node.taints));
  const labels = Object.entries(nodeSelector).flatMap(([key, value]) =>
    node.labels[key] === value ? [] : [`${key} is ${node.labels[key] ?? 'not set'}, not ${value}`],
  );
  const expressions = nodeMatchExpressions.flatMap((expression) =>
    selectsNode({ nodeSelector: {}, nodeMatchExpressions: [expression] }, node)
      ? []
      : [`${[expression.key, expression.operator, ...expression.values].join(' ')} does not match`],
  );
  const taints = taint === undefined ? [] : [`the Pods do not tolerate the taint ${taint.key}:${taint.effect}`];
  return [...labels, ...expressions, ...taints].join(', ');
}

function eligibilityStep({ cache, node, settings }: Explained): readonly Step[] {
  const rules = pullRules(cache, settings);
  const entry = ownEntry(cache.status.nodes, node.name);
  const hasAll = entry?.state === 'Ready' && entry.id === node.id;
  const reason = skipReason(node, rules);
  // A node that has its images stays Ready, whatever keeps new pulls off it.
  if (hasAll && reason !== undefined && entry.reason === '' && node.isReady)
    return [step('ok', `the node is ${reason}: it has its images, and pulls no others now`)];
  if (reason === undefined) return [step('ok', 'the node can be served: it is Ready, and its taints are tolerated')];
  const taint = keepingTaint(rules.tolerations, node.taints);
  const detail = reason === 'TaintNotTolerated' && taint !== undefined ? ` (${taint.key}:${taint.effect})` : '';
  const text =
    hasAll && reason === 'NotReady'
      ? 'it had all images, and counts again as soon as its kubelet is Ready'
      : skipTexts[reason];
  return [step('holds', `the node is skipped, ${reason}${detail}: ${text}`)];
}

const skipTexts: Readonly<Record<SkipReason, string>> = {
  BeingDeleted: 'it is being removed from the cluster',
  Virtual: 'a virtual node has no image store',
  OtherOperatingSystem: 'images are pulled on Linux nodes only',
  OptedOut: 'it has the label kubefledged.io/skip',
  NotReady: 'it is served as soon as its kubelet is Ready',
  Unschedulable: 'it is cordoned, and spec.unschedulable or --unschedulable is Skip',
  DiskPressure: 'its kubelet is short of disk; it is served once it is not',
  TaintNotTolerated: 'spec.tolerations does not tolerate a taint, or is unset and the node is of the control plane',
};

function observationStep({ cache }: Explained): readonly Step[] {
  const { observedGeneration, round } = cache.status;
  if (round === undefined)
    return [step('holds', 'no function has observed the cache: do the functions run, and does one lead?')];
  if (observedGeneration !== cache.generation)
    return [step('holds', 'the latest spec is not observed yet: if that lasts, the functions do not run')];
  return [step('ok', `round ${round.number}, ${round.operation} by ${round.trigger}, is for the current spec`)];
}

function ledgerStep(input: Explained): readonly Step[] {
  const { cache, node, name, settings, now } = input;
  const entry = ownEntry(cache.status.nodes, name);
  if (entry?.id !== node.id)
    return [
      step('holds', 'the status does not have the node yet: it joined just now, or another machine had its name'),
    ];
  const desired = desiredImages(cache, node, settings);
  if (desired !== undefined && desired.hash !== entry.desiredHash)
    return [step('holds', 'its labels or the settings have changed: it is to get other images')];
  const images = desired?.images ?? [];
  if (entry.state !== 'Ready') return [...imageSteps(input, entry, images), ...gateSteps(input)];
  const lost = lostImages(entry, node, images, now);
  if (lost.length > 0)
    return lost.map((index) =>
      step(
        'fails',
        `${images[index] ?? ''}: ${imageLost}: the node lists it no longer; it is pulled again within a minute`,
      ),
    );
  return [step('ok', 'all images are on the node')];
}

/** The startup taint that keeps other Pods off the node. */
function gateSteps({ cache, node, settings }: Explained): readonly Step[] {
  const taintKey = cache.spec.warmGate?.taintKey;
  if (!node.taints.some(({ key }) => key === taintKey)) return [];
  const [off] = gateOffEvents(cache, settings);
  if (off !== undefined) return [step('fails', `it keeps the taint ${taintKey}: ${off.message}`)];
  const until = timeText(gateEnd(cache, node, settings));
  const text = `the warm gate keeps the taint ${taintKey} on it until the images are there, at most until ${until}`;
  return [step('holds', text)];
}
