import { labels as productLabels, managerLabelValue } from '#model/cache/api.ts';
import type { SpareReason } from '#model/cache/removal-ledger.ts';
import {
  type RemovalOrder,
  type RemovalOutcome,
  removalResult,
  terminationMessage,
} from '#model/removal/removal-result.ts';
import { type Image, imageOf, type ImageUser, type NodeImages, type Program } from '@imagecache-functions/simulator';

const values = (words: readonly string[], option: string): readonly string[] =>
  words.flatMap((word) => (word.startsWith(`--${option}=`) ? [word.slice(option.length + 3)] : []));

const orderOf = (args: unknown): RemovalOrder | undefined => {
  const [program, ...words] = Array.isArray(args) ? args.map(String) : [];
  if (program !== 'removal.mjs') return undefined;
  return { remove: values(words, 'remove'), keep: values(words, 'keep') };
};

const nameOf = (reference: string): string => imageOf(reference)?.name ?? reference;
const byDigest = ({ repository, digest }: Image): string => `${repository}@${digest}`;

/** Every name of the content behind a reference, without those that a runtime makes up for itself. */
const namesOf = (digest: string, images: readonly Image[]): readonly string[] =>
  images.filter((image) => image.digest === digest).map(({ name }) => name);

const spared = (image: string, reason: SpareReason, by: readonly string[] = []): RemovalOutcome => ({
  outcome: 'spared',
  image,
  reason,
  by: by.join(', '),
});

/** A Pod that only pulls images needs none of them. */
const onlyPulls = ({ labels }: ImageUser): boolean =>
  labels[productLabels.manager] === managerLabelValue && labels[productLabels.removal] === undefined;

/** Removes the content of a reference under all its names, unless it is kept, shared, pinned or in use. */
const removeOne = (reference: string, order: RemovalOrder, node: NodeImages): RemovalOutcome => {
  const images = node.images();
  const asked = nameOf(reference);
  const found = images.find((image) => image.name === asked || byDigest(image) === asked);
  if (found === undefined) return { outcome: 'absent', image: reference };
  const names = namesOf(found.digest, images);
  const kept = order.keep.map(nameOf);
  const strange = names.filter((name) => name !== asked && !order.remove.map(nameOf).includes(name));
  const using = node
    .users()
    .filter((user) => user.digests.includes(found.digest) && !onlyPulls(user))
    .map(({ name }) => name);
  if (reference.includes('pinned')) return spared(reference, 'Pinned');
  if (kept.includes(asked)) return spared(reference, 'Wanted', [reference]);
  if (names.some((name) => kept.includes(name)))
    return spared(
      reference,
      'SharedTag',
      names.filter((name) => kept.includes(name)),
    );
  if (strange.length > 0) return spared(reference, 'SharedTag', strange);
  if (using.length > 0) return spared(reference, 'InUse', using);
  if (reference.includes('stuck'))
    return { outcome: 'failed', image: reference, message: `the runtime did not remove ${found.digest}` };
  node.remove(found.digest);
  return { outcome: 'removed', image: reference, bytes: found.size };
};

/**
 * Simulates the container of a removal Job with the image store of a simulated node in place of a container runtime. In a
 * reference, `pinned` is an image that the runtime spares and `stuck` one that it fails to remove. Undefined for any other
 * container.
 */
export const simulateRemoval: Program = (container, node) => {
  const order = orderOf(container['args']);
  if (order === undefined) return undefined;
  const gone = new Set<string>();
  const outcomes = order.remove.map((reference): RemovalOutcome => {
    // Removed with another of its names, and counted there.
    if (gone.has(nameOf(reference))) return { outcome: 'removed', image: reference, bytes: 0 };
    const before = node.images();
    const outcome = removeOne(reference, order, node);
    const after = node.images();
    for (const image of before) if (!after.includes(image)) gone.add(image.name).add(byDigest(image));
    return outcome;
  });
  const message = terminationMessage(removalResult('containerd v2.2.9', outcomes));
  return { exitCode: outcomes.some(({ outcome }) => outcome === 'failed') ? 1 : 0, message };
};
