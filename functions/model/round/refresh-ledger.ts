import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { movingImages } from '#model/desired/moving-images.ts';
import type { Node } from '#model/node/node.ts';
import type { ResolvedDigest } from '#model/cache/resolved-digest.ts';
import { mayPullUnresolved, nextKnownDigest, unknownDigest, type KnownDigest } from '#model/cache/known-digest.ts';
import { desiredImages as wantedOn, type DesiredImages } from '#model/desired/desired-images.ts';
import { isAbsent } from '#model/desired/presence.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/own-entry.ts';

/**
 * The ledger as a refresh opens with it, and what is then known of images that may move. A node that has all it wants in the version that
 * the registry tells, as far as anyone can tell, needs no Job; what has moved, and what it has lost, is pulled again.
 */
export function refreshLedger(world: World, cache: ImageCache): Pick<Status, 'nodes' | 'knownDigests'> {
  const { observed, settings, now } = world;
  const questions = questionsOf(world, cache);
  const isListNew = now - (cache.status.lastRefreshTime ?? 0) >= listLag;
  const unsure = new Set<string>();
  const entries = Object.entries(cache.status.nodes).map(([name, entry]) => {
    const node = observed.nodes.get(name);
    const want = node === undefined ? undefined : wantedOn(cache, node, settings);
    if (node === undefined || want === undefined || entry.state !== 'Ready') return [name, entry] as const;
    const needs = needsOf(want, node, { questions, isListNew });
    for (const { image, need } of needs) if (need === 'unsure') unsure.add(image);
    return [
      name,
      reopened(
        entry,
        needs.filter(({ need, image }) => isDue(need, questions.get(image))),
      ),
    ] as const;
  });
  return { nodes: Object.fromEntries(entries), knownDigests: resolvedBy(questions, unsure, now) };
}

/** Milliseconds by which a node's list may be late, with room to spare: an image that was just pulled is not in it yet. */
const listLag = 60_000;

/** An image that may have moved: what the registry says now, what it said before, and whether nodes may pull it on suspicion. */
type Question = { readonly word: ResolvedDigest; readonly known: KnownDigest; readonly maySuspect: boolean };
type Questions = ReadonlyMap<string, Question>;

function questionsOf({ observed, resolutions, settings, now }: World, cache: ImageCache): Questions {
  const { knownDigests, round } = cache.status;
  const isRequested = round?.trigger === 'Annotation';
  const images = movingImages(cache, observed.nodes.values(), settings).map((image): [string, Question] => {
    const known = ownEntry(knownDigests, image) ?? unknownDigest;
    const word = resolutions.get(normalisedReference(image)) ?? {
      type: 'unknown',
      reason: 'the registry was not asked',
    };
    return [image, { word, known, maySuspect: mayPullUnresolved(known, { isRequested, now }) }];
  });
  return new Map(images);
}

type Need = 'none' | 'sure' | 'unsure';
type Needed = { readonly index: number; readonly image: string; readonly need: Need };
type Belief = { readonly questions: Questions; readonly isListNew: boolean };

function needsOf({ images }: DesiredImages, node: Node, { questions, isListNew }: Belief): readonly Needed[] {
  return images.map((image, index) => {
    const question = questions.get(image);
    if (isListNew && isAbsent(image, node)) return { index, image, need: 'sure' };
    if (question === undefined) return { index, image, need: 'none' };
    const held = isListNew ? node.digests.get(normalisedReference(image)) : undefined;
    return { index, image, need: needOf(question, held) };
  });
}

/**
 * Whether a node is to pull an image that may have moved. What the node's list tells is proof that it has the registry's version; that it
 * tells another one, although it has asked since the registry said the same, may be the doing of a mirror: a doubt, no more.
 */
function needOf({ word, known }: Question, held: ReadonlySet<string> | undefined): Need {
  if (word.type === 'absent' && known.digest !== '') return 'none';
  if (word.type !== 'digest') return 'unsure';
  if (held?.has(word.digest) === true) return 'none';
  if (known.digest !== word.digest) return 'sure';
  return held !== undefined || known.hasMismatch ? 'unsure' : 'none';
}

const isDue = (need: Need, question: Question | undefined): boolean =>
  need === 'sure' || (need === 'unsure' && question?.maySuspect === true);

const reopened = (entry: LedgerEntry, needed: readonly Needed[]): LedgerEntry =>
  needed.length === 0
    ? entry
    : { ...entry, state: 'Pending', attempt: 0, pendingImages: needed.map(({ index }) => index) };

function resolvedBy(questions: Questions, unsure: ReadonlySet<string>, now: number): Status['knownDigests'] {
  const resolved = [...questions].map(([image, { word, known, maySuspect: may }]) => {
    const isBlind = word.type === 'unknown' || (word.type === 'absent' && known.digest === '');
    const isUnsure = unsure.has(image);
    const outcome = {
      pullsUnresolved: (isBlind || isUnsure) && may,
      hasMismatch: known.hasMismatch && isUnsure && !may,
      now,
    };
    return [image, nextKnownDigest(word, known, outcome)] as const;
  });
  return Object.fromEntries(resolved);
}
