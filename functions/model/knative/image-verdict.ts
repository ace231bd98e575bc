import { refusedMessage } from '#model/cache/conditions.ts';
import { type ImageCache, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import { isImageReference, normalisedReference } from '#model/text/image-reference.ts';
import { printable } from '#model/text/untrusted.ts';
import { type ImageProgress, imageProgress } from './image-progress.ts';
import type { KnativeImage, ReadyCondition } from './knative-image.ts';
import { isMade, selectsImage } from './made-cache.ts';

/** The condition Ready of an Image, without its time. */
export type Verdict = Pick<ReadyCondition, 'status' | 'reason' | 'message'>;

/** Returns what a cache reports for an Image; computes what all of them need once. */
export function verdicts(cache: ImageCache): (image: KnativeImage) => Verdict {
  const ofAll = verdictOfAll(cache);
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
    const verdict = verdictOf(progress.get(name), isOpen);
    return isOpen && isKnown && verdict.status === 'Unknown' ? (heldReady(image) ?? verdict) : verdict;
  };
}

/** An Image stays Ready while a round for other images is open, although nodes are pending for all of them. */
const heldReady = ({ ready, generation, observedGeneration }: KnativeImage): Verdict | undefined =>
  ready?.status === 'True' && observedGeneration === generation ? ready : undefined;

const where = ({ name }: ImageCache): string => `ImageCache ${name}`;

/** What every Image reports, because the cache serves none of them. */
function verdictOfAll(cache: ImageCache): Verdict | undefined {
  if (!isMade(cache))
    return unknown('NameTaken', `${where(cache)} was created by somebody else: rename it to have Images cached`);
  const refused = refusedMessage(cache.status);
  if (refused !== undefined) return { status: 'False', reason: 'LimitExceeded', message: bounded(refused) };
  return isPurged(cache) ? unknown('Purged', `${where(cache)} was purged: refresh or edit it`) : undefined;
}

function invalid({ image }: KnativeImage): Verdict {
  const message =
    image === ''
      ? 'spec.image is empty: Knative resolves no tags of this registry (registries-skipping-tag-resolving)'
      : `spec.image is no image reference: ${JSON.stringify(image.slice(0, 100))}`;
  return { status: 'False', reason: 'InvalidImageName', message: bounded(message) };
}

/** Why the cache does not have an image. */
function leftOut(cache: ImageCache, image: KnativeImage): Verdict {
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

function verdictOf(progress: ImageProgress | undefined, isOpen: boolean): Verdict {
  if (progress === undefined || progress.desired === 0)
    return isOpen ? unknown('Pending', 'nodes are being selected') : unknown('NoNodes', 'no node is selected for it');
  const { desired, present, failing, failure } = progress;
  const count = `on ${stepOf(present, desired)} of ${desired} nodes`;
  if (failing > 0) return { status: 'False', ...failed(failure, count) };
  return present === desired ? { status: 'True', reason: 'Present', message: count } : unknown('Pulling', count);
}

function failed(failure: ImageProgress['failure'], count: string): Omit<Verdict, 'status'> {
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

const unknown = (reason: string, message: string): Verdict => ({
  status: 'Unknown',
  reason,
  message: bounded(message),
});

const longestMessage = 512;

/** Images and kubelets choose parts of the text. */
const bounded = (message: string): string => printable(message).slice(0, longestMessage).toWellFormed();
