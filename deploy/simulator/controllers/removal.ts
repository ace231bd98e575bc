import { type JsonObject, listAt } from '../json.ts';
import { type Image, imageOf } from './image.ts';
import type { ImageUser } from './image-users.ts';

/** What a program that removes images is told on its command line. */
type Order = { readonly remove: readonly string[]; readonly keep: readonly string[]; readonly purge: string };

type Outcome = { readonly image: string } & (
  | { readonly outcome: 'removed'; readonly bytes: number; readonly also: string }
  | { readonly outcome: 'spared'; readonly reason: string; readonly by: string }
  | { readonly outcome: 'failed'; readonly message: string }
  | { readonly outcome: 'absent' }
);

/** How a container ended, and what it left behind for its termination message. */
export type End = { readonly exitCode: number; readonly message: string };

/** The images of a node, as a removal finds and changes them. */
export type Removable = {
  readonly images: () => readonly Image[];
  readonly remove: (digest: string) => void;
};

const values = (words: readonly string[], option: string): readonly string[] =>
  words.flatMap((word) => (word.startsWith(`--${option}=`) ? [word.slice(option.length + 3)] : []));

const orderOf = (spec: JsonObject): Order | undefined => {
  const [program, ...words] = listAt(spec, 'args').map(String);
  if (program !== 'removal.mjs') return undefined;
  return { remove: values(words, 'remove'), keep: values(words, 'keep'), purge: values(words, 'purge')[0] ?? 'any' };
};

const nameOf = (reference: string): string => imageOf(reference)?.name ?? reference;
const byDigest = ({ repository, digest }: Image): string => `${repository}@${digest}`;

/** Every name of the content behind a reference, without those that a runtime makes up for itself. */
const namesOf = (digest: string, images: readonly Image[]): readonly string[] =>
  images.filter((image) => image.digest === digest).map(({ name }) => name);

const spared = (image: string, reason: string, by: readonly string[] = []): Outcome => ({
  outcome: 'spared',
  image,
  reason,
  by: by.join(', '),
});

/** Looks at one reference, and removes its content, by all its names, unless something speaks for it. */
const removeOne = (reference: string, order: Order, store: Removable, users: readonly ImageUser[]): Outcome => {
  const images = store.images();
  const asked = nameOf(reference);
  const found = images.find((image) => image.name === asked || byDigest(image) === asked);
  if (found === undefined) return { outcome: 'absent', image: reference };
  const names = namesOf(found.digest, images);
  const kept = order.keep.map(nameOf);
  const strange = names.filter((name) => name !== asked && !order.remove.map(nameOf).includes(name));
  const using = users.filter((user) => user.digests.includes(found.digest)).map(({ name }) => name);
  if (reference.includes('pinned')) return spared(reference, 'Pinned');
  if (kept.includes(asked)) return spared(reference, 'Wanted', [reference]);
  if (names.some((name) => kept.includes(name)))
    return spared(
      reference,
      'SharedTag',
      names.filter((name) => kept.includes(name)),
    );
  if (order.purge === 'own' && strange.length > 0) return spared(reference, 'SharedTag', strange);
  if (using.length > 0) return spared(reference, 'InUse', using);
  if (reference.includes('stuck'))
    return { outcome: 'failed', image: reference, message: `the runtime did not remove ${found.digest}` };
  store.remove(found.digest);
  return { outcome: 'removed', image: reference, bytes: found.size, also: strange.join(', ') };
};

const messageOf = (outcomes: readonly Outcome[]): string => {
  const of = (kind: Outcome['outcome']): readonly Outcome[] => outcomes.filter(({ outcome }) => outcome === kind);
  const [failed, kept, removed, absent] = [of('failed'), of('spared'), of('removed'), of('absent')];
  const told = [...failed, ...kept, ...removed, ...absent];
  const withFirst = (count: number): string =>
    JSON.stringify({
      runtime: 'containerd v2.2.9',
      freedBytes: outcomes.reduce((sum, one) => sum + (one.outcome === 'removed' ? one.bytes : 0), 0),
      counts: { removed: removed.length, absent: absent.length, spared: kept.length, failed: failed.length },
      images: told.slice(0, count),
      omitted: told.length - count,
      error: '',
    });
  let count = told.length;
  while (count > 0 && Buffer.byteLength(withFirst(count)) > longestMessage) count -= 1;
  return withFirst(count);
};

/** As much as a kubelet takes. */
const longestMessage = 4096;

/**
 * Plays the container of a removal Job, which would speak to the node's runtime: takes images out of its store, spares what
 * is wanted, shared or used, and says what became of each. In a reference, `pinned` is spared by the runtime and `stuck`
 * can not be removed. Undefined for a container that is none.
 */
export const playRemoval = (spec: JsonObject, store: Removable, users: readonly ImageUser[]): End | undefined => {
  const order = orderOf(spec);
  if (order === undefined) return undefined;
  const gone = new Set<string>();
  const outcomes = order.remove.map((reference): Outcome => {
    const name = nameOf(reference);
    // What went with another of its names was counted there.
    if (gone.has(name)) return { outcome: 'removed', image: reference, bytes: 0, also: '' };
    const before = store.images();
    const outcome = removeOne(reference, order, store, users);
    const after = store.images();
    for (const image of before) if (!after.includes(image)) gone.add(image.name).add(byDigest(image));
    return outcome;
  });
  return { exitCode: outcomes.some(({ outcome }) => outcome === 'failed') ? 1 : 0, message: messageOf(outcomes) };
};
