import { refusedMessage } from '#model/cache/conditions.ts';
import { type ImageCache, isPurged, isRoundOpen, type Failure } from '#model/cache/image-cache.ts';
import { isImageReference, normalisedReference } from '#model/text/image-reference.ts';
import { printable } from '#model/text/untrusted.ts';
import type { KnativeImage, ReadyCondition } from './knative-image.ts';
import { isMade, selectsImage } from './made-cache.ts';
import { type LedgerEntry, stateOf } from '#model/cache/ledger.ts';
import { imageState } from '#model/desired/image-state.ts';
import { ledgerImages } from '#model/desired/placements.ts';

/** The condition Ready of an Image, without its time. */
export type Readiness = Pick<ReadyCondition, 'status' | 'reason' | 'message'>;

/** Returns what a cache reports for an Image; computes what all of them need once. */
export function readinessIn(cache: ImageCache): (image: KnativeImage) => Readiness {
  const ofAll = readinessOfAll(cache);
  if (ofAll !== undefined) return () => ofAll;
  const progress = imageProgress(cache);
  const found = new Set(
    cache.found.lists.flatMap(({ images }) => images.map(({ image }) => normalisedReference(image))),
  );
  const isOpen = isRoundOpen(cache.status) || cache.status.observedGeneration !== cache.generation;
  // In the first round, a Ready Image was reported by a deleted cache, which may have removed it from nodes.
  const isKnown = (cache.status.round?.number ?? 0) > 1;
  return (image) => {
    if (!isImageReference(image.image)) return invalid(image);
    const name = normalisedReference(image.image);
    if (!found.has(name)) return leftOut(cache, image);
    const readiness = readinessOf(progress.get(name), isOpen);
    return isOpen && isKnown && readiness.status === 'Unknown' ? (heldReady(image) ?? readiness) : readiness;
  };
}

/** An Image stays Ready while a round for other images is open, although nodes are pending for all of them. */
const heldReady = ({ ready, generation, observedGeneration }: KnativeImage): Readiness | undefined =>
  ready?.status === 'True' && observedGeneration === generation ? ready : undefined;

const where = ({ name }: ImageCache): string => `ImageCache ${name}`;

/** What every Image reports, because the cache serves none of them. */
function readinessOfAll(cache: ImageCache): Readiness | undefined {
  if (!isMade(cache))
    return unknown('NameTaken', `${where(cache)} was created by somebody else: rename it to have Images cached`);
  const refused = refusedMessage(cache.status);
  if (refused !== undefined) return { status: 'False', reason: 'LimitExceeded', message: bounded(refused) };
  return isPurged(cache) ? unknown('Purged', `${where(cache)} was purged: refresh or edit it`) : undefined;
}

function invalid({ image }: KnativeImage): Readiness {
  const message =
    image === ''
      ? 'spec.image is empty: Knative resolves no tags of this registry (registries-skipping-tag-resolving)'
      : `spec.image is no image reference: ${JSON.stringify(image.slice(0, 100))}`;
  return { status: 'False', reason: 'InvalidImageName', message: bounded(message) };
}

/** Why the cache does not have an image. */
function leftOut(cache: ImageCache, image: KnativeImage): Readiness {
  const { problem } = cache.found;
  if (cache.spec.suspend) return unknown('Suspended', `${where(cache)} is suspended`);
  if (!selectsImage(cache, image))
    return unknown(
      'NotSelected',
      `no list of ${where(cache)} selects this Image: delete the cache to have it created anew`,
    );
  return problem === ''
    ? unknown('Pending', `waiting for the next round of ${where(cache)}`)
    : unknown('LeftOut', problem);
}

function readinessOf(progress: ImageProgress | undefined, isOpen: boolean): Readiness {
  if (progress === undefined || progress.desired === 0)
    return isOpen ? unknown('Pending', 'nodes are being selected') : unknown('NoNodes', 'no node is selected for it');
  const { desired, present, failing, failure } = progress;
  const count = `on ${stepOf(present, desired)} of ${desired} nodes`;
  if (failing > 0) return { status: 'False', ...failed(failure, count) };
  return present === desired ? { status: 'True', reason: 'Present', message: count } : unknown('Pulling', count);
}

function failed(failure: ImageProgress['failure'], count: string): Omit<Readiness, 'status'> {
  if (failure === undefined) return { reason: 'NotPulled', message: count };
  const { node, reason, message } = failure;
  const text = [`${count}; ${node}`, message].filter((part) => part !== '').join(': ');
  return { reason: /^[A-Za-z][A-Za-z0-9]{0,63}$/.test(reason) ? reason : 'NotPulled', message: bounded(text) };
}

/** Nodes up to which the exact number is reported. */
const exactTo = 10;

/** Of many nodes ten steps are reported: each is a write for each Image. */
function stepOf(present: number, desired: number): string {
  if (desired <= exactTo || present === desired) return String(present);
  const tenths = Math.floor((present * 10) / desired);
  return `at least ${Math.floor((tenths * desired) / 10)}`;
}

const unknown = (reason: string, message: string): Readiness => ({
  status: 'Unknown',
  reason,
  message: bounded(message),
});

const longestMessage = 512;

/** Images and kubelets choose parts of the text. */
const bounded = (message: string): string => printable(message).slice(0, longestMessage).toWellFormed();

/** On how many nodes an image is, of those that must have it, and why it is not on some. */
type ImageProgress = {
  readonly desired: number;
  readonly present: number;
  /** How many nodes fail to pull it. */
  readonly failing: number;
  readonly failure: Failure | undefined;
};

type Counts = { desired: number; present: number; failing: number };

/** The progress of all images of a cache, by normalised reference. Skipped nodes do not count. */
function imageProgress(cache: ImageCache): ReadonlyMap<string, ImageProgress> {
  const counts = new Map<string, Counts>();
  const byHash = Map.groupBy(Object.values(cache.status.nodes), ({ desiredHash }) => desiredHash);
  for (const [hash, entries] of byHash) {
    const names = ledgerImages(cache, hash).map(normalisedReference);
    const ready = entries.filter((entry) => stateOf(entry) === 'Ready').length;
    const others = alike(entries.filter((entry) => !['Ready', 'Skipped'].includes(stateOf(entry))));
    for (const [index, name] of names.entries()) add(counts, name, countsOf(others, index, ready));
  }
  const failures = new Map(
    Object.entries(cache.status.failures).map(([image, [first]]) => [normalisedReference(image), first] as const),
  );
  return new Map([...counts].map(([name, count]) => [name, { ...count, failure: failures.get(name) }]));
}

/** Entries in which each image has the same state, and how many they are: of thousands of nodes, few differ. */
type Alike = { readonly entry: LedgerEntry; readonly nodes: number };

function alike(entries: readonly LedgerEntry[]): readonly Alike[] {
  const groups = Map.groupBy(entries, ({ state, opening = '', images }) => `${state} ${opening} ${images}`);
  return [...groups.values()].flatMap((group) => group.slice(0, 1).map((entry) => ({ entry, nodes: group.length })));
}

function countsOf(others: readonly Alike[], index: number, ready: number): Counts {
  const counts = { desired: ready, present: ready, failing: 0 };
  for (const { entry, nodes } of others) {
    const state = imageState(entry, index);
    counts.desired += nodes;
    if (state === 'present') counts.present += nodes;
    if (state === 'failed' || state === 'failing' || state === 'unknown') counts.failing += nodes;
  }
  return counts;
}

function add(counts: Map<string, Counts>, name: string, { desired, present, failing }: Counts): void {
  const known = counts.get(name) ?? { desired: 0, present: 0, failing: 0 };
  counts.set(name, {
    desired: known.desired + desired,
    present: known.present + present,
    failing: known.failing + failing,
  });
}
