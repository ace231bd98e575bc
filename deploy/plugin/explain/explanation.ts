import { refusedMessage } from '#model/cache/conditions.ts';
import type { ImageCache, ImageList } from '#model/cache/image-cache.ts';
import { isPurged } from '#model/cache/image-cache.ts';
import { type LedgerEntry, isFailing, nodeBusy } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImages } from '#model/desired/desired-images.ts';
import { freeNodeSlots } from '#model/desired/node-limit.ts';
import { causeOf, outcomeOf } from '#model/pull/image-outcome.ts';
import { rolloutOf, waveText } from '#model/desired/rollout.ts';
import { selectsNode } from '#model/desired/node-selector.ts';
import { gateEnd, gateOffEvents } from '#model/desired/warm-gate.ts';
import type { Pod } from '#model/job/pod.ts';
import { isFailingToPull } from '#model/job/pod.ts';
import { type Node, type SkipReason, skipReason, untoleratedTaint } from '#model/node/node.ts';
import { pullRules } from '#model/node/tolerations.ts';
import { hasTurn, waveBudget } from '#model/pull/waves.ts';
import { refusalOf } from '#model/round/refusal.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import { imageState } from '../status/report.ts';
import { age, counted } from '../units.ts';

/** Why a node has the images of a cache or not: the steps from the spec to the kubelet, up to the one that holds it up. */
export type Explanation = {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly isReady: boolean;
  readonly steps: readonly Step[];
};

/** `holds`: this step keeps the node from being ready, and waiting may help; `fails`: it needs somebody. */
export type Step = { readonly verdict: 'ok' | 'holds' | 'fails'; readonly text: string };

export type Explained = {
  readonly cache: ImageCache;
  readonly name: string;
  /** undefined if it does not exist. */
  readonly node: Node | undefined;
  /** The pull Pods of the cache on the node; undefined if they cannot be read. */
  readonly pods: readonly Pod[] | undefined;
  readonly settings: Settings;
  readonly now: number;
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
  nodeStep,
  selectionStep,
  eligibilityStep,
  observationStep,
  ledgerStep,
];

const step = (verdict: Step['verdict'], text: string): Step => ({ verdict, text });

function cacheStep({ cache }: Explained): readonly Step[] {
  if (cache.isBeingDeleted) return [step('fails', 'the cache is being deleted: nothing is pulled any more')];
  if (cache.spec.suspend) return [step('fails', 'spec.suspend is true: nothing is pulled until it is false')];
  if (isPurged(cache)) return [step('fails', 'the cache is purged: an edit or a refresh brings its images back')];
  const refused = refusedMessage(cache.status);
  if (refused !== undefined) return [step('fails', `the cache is not served. ${refused}`)];
  return [step('ok', 'the cache is at work: not suspended, not purged, not being deleted')];
}

function nodeStep({ node, name }: Explained): readonly Step[] {
  return node === undefined ? [step('fails', `there is no node ${name}`)] : [];
}

function selectionStep({ cache, node, settings }: Explained): readonly Step[] {
  if (node === undefined) return [];
  const { lists } = cache.spec;
  const desired = desiredImages(cache, node, settings);
  if (desired === undefined)
    return lists.map((list, index) =>
      step('fails', `spec.cacheSpec[${index}] does not select it: ${mismatch(list, node)}`),
    );
  const named = desired.lists.map((index) => `spec.cacheSpec[${index}]`).join(', ');
  const verb = desired.lists.length === 1 ? 'selects' : 'select';
  return [step('ok', `${named} ${verb} it: ${counted(desired.images.length, 'image')}`)];
}

/** The labels that a list demands and the node does not have so. */
function mismatch({ nodeSelector, nodeMatchExpressions }: ImageList, node: Node): string {
  const labels = Object.entries(nodeSelector).flatMap(([key, value]) =>
    node.labels[key] === value ? [] : [`${key} is ${node.labels[key] ?? 'not set'}, not ${value}`],
  );
  const expressions = nodeMatchExpressions.flatMap((expression) =>
    selectsNode({ nodeSelector: {}, nodeMatchExpressions: [expression] }, node)
      ? []
      : [`${[expression.key, expression.operator, ...expression.values].join(' ')} does not match`],
  );
  return [...labels, ...expressions].join(', ');
}

function eligibilityStep({ cache, node, settings }: Explained): readonly Step[] {
  if (node === undefined) return [];
  const rules = pullRules(cache, settings);
  const reason = skipReason(node, rules);
  if (reason === undefined) return [step('ok', 'the node can be served: it is Ready, and its taints are tolerated')];
  const taint = rules.tolerations && untoleratedTaint(rules.tolerations, node.taints);
  const detail = reason === 'TaintNotTolerated' && taint !== undefined ? ` (${taint.key}:${taint.effect})` : '';
  const entry = ownEntry(cache.status.nodes, node.name);
  const hadAll = reason === 'NotReady' && entry?.state === 'Ready' && entry.id === node.id;
  const text = hadAll ? 'it had all images, and counts again as soon as its kubelet is Ready' : skipTexts[reason];
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
  TaintNotTolerated: 'spec.tolerations does not tolerate a taint',
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
  const { cache, node, name, settings } = input;
  const entry = ownEntry(cache.status.nodes, name);
  if (node === undefined) return [];
  if (entry === undefined || entry.id !== node.id)
    return [
      step('holds', 'the status does not have the node yet: it joined just now, or another machine had its name'),
    ];
  const desired = desiredImages(cache, node, settings);
  if (desired !== undefined && desired.hash !== entry.desiredHash)
    return [step('holds', 'its labels or the settings have changed: it is to get other images')];
  if (entry.state === 'Ready') return [step('ok', 'all images are on the node')];
  return [...imageSteps(input, entry, desired?.images ?? []), ...gateSteps(input)];
}

/** The startup taint that keeps other Pods off the node. */
function gateSteps({ cache, node, settings }: Explained): readonly Step[] {
  const taintKey = cache.spec.warmGate?.taintKey;
  if (node === undefined || !node.taints.some(({ key }) => key === taintKey)) return [];
  const [off] = gateOffEvents(cache, settings);
  if (off !== undefined) return [step('fails', `it keeps the taint ${taintKey}: ${off.message}`)];
  const until = timeText(gateEnd(cache, node, settings));
  const text = `the warm gate keeps the taint ${taintKey} on it until the images are there, at most until ${until}`;
  return [step('holds', text)];
}

const timeText = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** What the node waits for, then each missing image in the kubelet's words, then what follows. */
function imageSteps(input: Explained, entry: LedgerEntry, images: readonly string[]): readonly Step[] {
  const missing = images.filter(
    (image, index) => imageState(entry, index) !== 'present' && !isPulled(input, image, index),
  );
  const head = `${missing.length} of ${counted(images.length, 'image')} ${missing.length === 1 ? 'is' : 'are'} missing`;
  const causes = missing.flatMap((image) => causeSteps(input, image));
  const isTrouble = entry.state === 'Failed' || isFailing(entry);
  return [step('holds', head), ...waitSteps(input, entry), ...causes, ...(isTrouble ? [retryStep(input, entry)] : [])];
}

/** Whether a Pod reports an image that the status, which waits for the whole Job, does not have yet. */
function isPulled({ pods = [], settings, cache, name }: Explained, image: string, index: number): boolean {
  const isBare = ownEntry(cache.status.nodes, name)?.opening === 'Bare';
  const images = { image, helperImage: settings.noopImage, isBare };
  return pods.some((pod) => outcomeOf(pod, index, images)?.type === 'present');
}

function waitSteps(input: Explained, entry: LedgerEntry): readonly Step[] {
  const { cache, name } = input;
  if (entry.state === 'Pending') return [step('holds', pendingText(input, entry))];
  if (entry.state === 'Held') return [step('fails', heldText), nextRoundStep(input)];
  if (entry.state !== 'Pulling') return [];
  const refusal = refusalOf(cache);
  const attempt = `attempt ${entry.attempt} has begun`;
  if (input.pods === undefined) return [step('holds', `${attempt}; its Pods cannot be read with your rights`)];
  if (input.pods.length === 0)
    return [
      step(
        refusal === undefined ? 'holds' : 'fails',
        refusal?.message ?? `${attempt}; no Pod of it exists on ${name} yet`,
      ),
    ];
  return input.pods.map((pod) => step('holds', `${attempt}: Pod ${podText(pod, input.now)}`));
}

const heldText = 'its rollout stopped before it began, because too many nodes failed: it keeps what it has';

function pendingText({ cache, name, settings, now }: Explained, entry: LedgerEntry): string {
  if (ownEntry(cache.status.removals, name)?.state === 'Removing') return 'it waits: a removal is running on the node';
  const busy = ownEntry(cache.status.nodes, name)?.reason === nodeBusy;
  if (busy) return 'it waits, NodeBusy: other caches have as many pull Pods on the node as may be there at once';
  const entries = Object.values(cache.status.nodes).filter(({ state }) => state !== 'Skipped');
  const running = entries.filter(({ state }) => state === 'Pulling').length;
  const slots = freeNodeSlots(cache, settings, { running, total: entries.length });
  if (slots === 0) return `it waits for its turn: ${counted(running, 'node')} pull, and no more may at once`;
  const budget = waveBudget(cache, settings, now);
  if (!hasTurn(entry, budget)) return `it waits for its wave. ${waveTextOf(cache, settings)}`;
  return 'it waits to be started: if that lasts, another cache removes an image of it there, or no function runs';
}

const waveTextOf = (cache: ImageCache, settings: Settings): string =>
  waveText(rolloutOf(cache, settings), cache.status.nodes, cache.status.nextWaveTime);

function podText({ namespace, name, startedAt, createdAt, unschedulable, phase }: Pod, now: number): string {
  const which = `${namespace}/${name}`;
  if (startedAt !== undefined) return `${which} is ${phase}, accepted by the kubelet ${age(now - startedAt)} ago`;
  const why = unschedulable === '' ? 'the kubelet has not accepted it' : unschedulable;
  return `${which}, created ${age(now - createdAt)} ago, has not started: ${why}`;
}

/** The kubelet's latest word on an image: its Pod's, else what the status has recorded. */
function causeSteps({ cache, name, pods = [] }: Explained, image: string): readonly Step[] {
  const failure = ownEntry(cache.status.failures, image)?.find(({ node }) => node === name);
  const live = pods
    .flatMap(({ containers }) => containers)
    .find((each) => isFailingToPull(each) && each.message.includes(image));
  const cause = live === undefined ? failure : causeOf(live);
  return cause === undefined
    ? []
    : [step('fails', `${image}: ${[cause.reason, cause.message].filter((text) => text !== '').join(': ')}`)];
}

function retryStep(input: Explained, entry: LedgerEntry): Step {
  const { failures } = input.cache.status;
  const own = Object.values(failures).flatMap((each) => each.filter(({ node }) => node === input.name));
  const who = own.some(({ reason }) => reason === 'FailedCreate') ? 'Job controller' : 'kubelet';
  if (entry.failingUntil !== undefined)
    return step('holds', `the ${who} tries again by itself, until ${timeText(entry.failingUntil)}`);
  if (entry.state !== 'Failed') return step('holds', 'what failed is tried once more in this round');
  return nextRoundStep(input);
}

/** When the next round tries again. */
function nextRoundStep({ cache, now }: Explained): Step {
  const { nextRefreshTime } = cache.status;
  const refresh =
    nextRefreshTime === undefined
      ? 'no refresh is scheduled'
      : `the next refresh is ${nextText(nextRefreshTime - now)}`;
  return step('holds', `${refresh}; at once: kubectl imagecache refresh ${cache.name} -n ${cache.namespace}`);
}

const nextText = (left: number): string => (left <= 0 ? 'due' : `in ${age(left)}`);
