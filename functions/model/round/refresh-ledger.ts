import {
  anonymousPullOf,
  type KnownDigest,
  mayPullUnresolved,
  nextKnownDigest,
  unknownDigest,
  type ResolvedDigest,
} from '#model/cache/image-answers.ts';
import { isVerification } from '#model/cache/round.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { hasKnownLocks, lockedOf, toPull, withLocks } from '#model/cache/image-states.ts';
import { hadImagesOf, type LedgerEntry } from '#model/cache/ledger.ts';
import { namesCredentials } from '#model/desired/access.ts';
import { type DesiredImages, desiredImages, movingImages } from '#model/desired/desired-images.ts';
import { isListCurrent, mustProve } from '#model/desired/presence.ts';
import { keepsPullRecords, type Node } from '#model/node/node.ts';
import { toOpen } from '#model/desired/locked-images.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { World } from '#model/world.ts';

/**
 * The ledger with which a refresh opens, and what is then known of images that may move. A Ready node with all desired images in the
 * version that the registry reports needs no Job; images that moved, or that the node lost, are pulled again.
 */
export function refreshLedger(world: World, opened: ImageCache): Pick<Status, 'nodes' | 'knownDigests'> {
  const { before, observed, settings, now } = world;
  const evidence: Evidence = { moving: movingEvidence(world, opened), now };
  const unsure = new Set<string>();
  const contradicted = new Set<string>();
  const entries = Object.entries(opened.status.nodes).map(([name, entry]) => {
    const node = observed.nodes.get(name);
    const desired = node === undefined ? undefined : desiredImages(opened, node, settings);
    if (node === undefined || desired === undefined) return [name, entry] as const;
    const relocked = withRelocked(entry, node, desired, before.status, opened.status);
    if (entry.state !== 'Ready') return [name, relocked] as const;
    const needs = needsOf(desired, node, entry, evidence);
    for (const { image, need, isContradicted } of needs) {
      if (need === 'unsure') unsure.add(image);
      if (isContradicted) contradicted.add(image);
    }
    const due = isUnverified(entry, node, opened, settings)
      ? needs
      : needs.filter(({ need, image }) => isDue(need, evidence.moving.get(image)));
    return [
      name,
      due.length > 0 ? reopened(relocked, due, desired) : reopenedToOpen(relocked, opened, desired),
    ] as const;
  });
  return { nodes: Object.fromEntries(entries), knownDigests: nextKnownDigests(evidence, { unsure, contradicted }) };
}

/**
 * Whether a node pulls all its images again although they are present: its kubelet may not start them for the Pods of this
 * cache, as kube-fledged did not open images, or the user asks because a secret was replaced.
 */
function isUnverified(entry: LedgerEntry, node: Node, cache: ImageCache, settings: Settings): boolean {
  const isUnknown = !hasKnownLocks(entry) && namesCredentials(cache, settings);
  return keepsPullRecords(node) && (isVerification(cache.status.round) || isUnknown);
}

/** Images that a registry gives to anyone now, and did not before, are locked on all nodes that pulled with credentials. */
function withRelocked(
  entry: LedgerEntry,
  node: Node,
  desired: DesiredImages,
  before: Status,
  opened: Status,
): LedgerEntry {
  if (!hasKnownLocks(entry) || entry.desiredHash !== desired.hash || !keepsPullRecords(node)) return entry;
  const nowAllowed = desired.images.flatMap((image, index) => {
    const [was, is] = [before, opened].map(({ anonymousPulls }) => anonymousPullOf(anonymousPulls, image));
    return was === 'Denied' && is === 'Allowed' ? [index] : [];
  });
  const count = desired.images.length;
  return withLocks(entry, [...lockedOf(entry, count), ...nowAllowed], count);
}

/** Opens images that are still locked: those that registries give to anyone now and, on request, those of which that is unknown. */
function reopenedToOpen(entry: LedgerEntry, { status }: ImageCache, desired: DesiredImages): LedgerEntry {
  const { images } = desired;
  const isRequested = status.round?.trigger === 'Annotation';
  const due = lockedOf(entry, images.length).filter(
    (index) => isRequested || anonymousPullOf(status.anonymousPulls, images[index] ?? '') === 'Allowed',
  );
  return due.length === 0 ? entry : toOpen(entry, due, desired);
}

/** What is known of an image that may have moved. */
type MovingImage = {
  /** What its registry reports now. */
  readonly resolved: ResolvedDigest;
  /** What was known before. */
  readonly known: KnownDigest;
  /** Whether nodes may pull it without knowing that it moved. */
  readonly mayPull: boolean;
};
type MovingImages = ReadonlyMap<string, MovingImage>;

/** `now` in epoch milliseconds. */
type Evidence = { readonly moving: MovingImages; readonly now: number };

function movingEvidence({ observed, resolutions, settings, now }: World, opened: ImageCache): MovingImages {
  const { knownDigests, round } = opened.status;
  const isRequested = round?.trigger === 'Annotation';
  const images = movingImages(opened, observed.nodes.values(), settings).map((image): [string, MovingImage] => {
    const known = ownEntry(knownDigests, image) ?? unknownDigest;
    const resolved = resolutions.get(normalisedReference(image)) ?? notAsked;
    return [image, { resolved, known, mayPull: mayPullUnresolved(known, { isRequested, now }) }];
  });
  return new Map(images);
}

const notAsked: ResolvedDigest = { type: 'unknown', reason: 'the registry was not asked' };

/** Whether a node needs to pull an image: no, yes, or it cannot be known. */
type Need = 'none' | 'sure' | 'unsure';
type ImageNeed = {
  readonly index: number;
  readonly image: string;
  readonly need: Need;
  /** Whether the node's list has another digest than the registry, although the node has pulled since the registry reported it. */
  readonly isContradicted: boolean;
};

/** That a node has lost an image is found in the same way at any time, and not here. */
function needsOf({ images }: DesiredImages, node: Node, entry: LedgerEntry, evidence: Evidence): readonly ImageNeed[] {
  const { moving, now } = evidence;
  const isCurrent = isListCurrent(node, entry, now);
  return images.map((image, index) => {
    const movingImage = moving.get(image);
    const known = { index, image, isContradicted: false };
    if (movingImage === undefined) return { ...known, need: mustProve(image, node, entry, now) ? 'sure' : 'none' };
    if (hasMoved(movingImage) && keepsPullRecords(node)) return { ...known, need: 'sure' };
    const nodeDigests = isCurrent ? node.digests.get(normalisedReference(image)) : undefined;
    const need = needOf(movingImage, nodeDigests);
    const isContradicted = need === 'unsure' && movingImage.resolved.type === 'digest' && nodeDigests !== undefined;
    return { index, image, need, isContradicted };
  });
}

const hasMoved = ({ resolved, known }: MovingImage): boolean =>
  resolved.type === 'digest' && known.digest !== '' && known.digest !== resolved.digest;

/**
 * Whether a node needs to pull an image that may have moved. The registry's digest in the node's status proves that it does not.
 * Another digest there, although the node has pulled since the registry reported the same, may be a mirror's: unsure, not proof.
 */
function needOf({ resolved, known }: MovingImage, nodeDigests: ReadonlySet<string> | undefined): Need {
  if (resolved.type === 'absent' && known.digest !== '') return 'none';
  if (resolved.type !== 'digest') return 'unsure';
  if (nodeDigests?.has(resolved.digest) === true) return 'none';
  if (known.digest !== resolved.digest) return 'sure';
  return nodeDigests !== undefined || known.hasMismatch ? 'unsure' : 'none';
}

const isDue = (need: Need, image: MovingImage | undefined): boolean =>
  need === 'sure' || (need === 'unsure' && image?.mayPull === true);

function reopened(entry: LedgerEntry, due: readonly ImageNeed[], { images }: DesiredImages): LedgerEntry {
  const indexes = due.map(({ index }) => index);
  const hadImages = hadImagesOf(entry);
  return { ...toPull(entry, indexes, images.length), state: 'Pending', attempt: 0, rests: 0, hadImages };
}

type Doubts = { readonly unsure: ReadonlySet<string>; readonly contradicted: ReadonlySet<string> };

/** A mismatch lasts until nodes pull again: their kubelets and lists then show whether it is over. */
function nextKnownDigests({ moving, now }: Evidence, { unsure, contradicted }: Doubts): Status['knownDigests'] {
  const digests = [...moving].map(([image, { resolved, known, mayPull }]) => {
    const isUnresolved = resolved.type === 'unknown' || (resolved.type === 'absent' && known.digest === '');
    const isUnsure = unsure.has(image);
    const outcome = {
      pullsUnresolved: (isUnresolved || isUnsure) && mayPull,
      hasMismatch: (contradicted.has(image) || (known.hasMismatch && isUnsure)) && !mayPull,
      now,
    };
    return [image, nextKnownDigest(resolved, known, outcome)] as const;
  });
  return Object.fromEntries(digests);
}
