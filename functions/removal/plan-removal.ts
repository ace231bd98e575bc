import { labels, managerLabelValue } from '#model/cache/api.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import type { RemovalOrder } from '#model/removal/removal-result.ts';
import type { SpareReason } from '#model/cache/removal-ledger.ts';
import type { RuntimeContainer, RuntimeImage, RuntimeState } from './runtime-state.ts';

/** What is to be done about one reference. */
export type Plan =
  | { readonly act: 'nothing' }
  | { readonly act: 'spare'; readonly reason: SpareReason; readonly by: readonly string[] }
  | {
      readonly act: 'remove';
      readonly image: RuntimeImage;
      /** All names that go, normalised. */
      readonly names: ReadonlySet<string>;
      /** Names among them that nobody asked to remove. */
      readonly also: readonly string[];
    };

/**
 * Decides about one reference. A runtime removes an image in use without a word, and every name of its id with it: so
 * nothing goes that is pinned, that a container needs, or one of whose names is to stay.
 */
export function planRemoval(reference: string, order: RemovalOrder, state: RuntimeState): Plan {
  const asked = normalisedReference(reference);
  const image = state.images.find((each) => namesOf(each).has(asked));
  if (image === undefined) return { act: 'nothing' };
  const names = namesOf(image);
  if (image.isPinned) return spare('Pinned', []);
  const kept = namesIn(order.keep);
  if (kept.has(asked)) return spare('Wanted', [reference]);
  const shared = [...names].filter((name) => kept.has(name));
  if (shared.length > 0) return spare('SharedTag', shared);
  const strange = strangeNames(image, order);
  if (order.purge === 'own' && strange.length > 0) return spare('SharedTag', strange);
  const users = state.containers.filter((container) => !isOfPullPod(container) && needs(container, image));
  if (users.length > 0) return spare('InUse', users.map(describe));
  return { act: 'remove', image, names, also: strange };
}

const spare = (reason: SpareReason, by: readonly string[]): Plan => ({ act: 'spare', reason, by });

/** Every name by which an image can be asked for, normalised. */
const namesOf = (image: RuntimeImage): ReadonlySet<string> => namesIn([...image.tags, ...image.digests]);

const namesIn = (references: readonly string[]): ReadonlySet<string> => new Set(references.map(normalisedReference));

/**
 * Names that nobody asked to remove. A runtime makes a digest for every repository that it has a tag of, so a digest only
 * says something of its own where its repository is not accounted for by a tag or by what was asked.
 */
function strangeNames(image: RuntimeImage, order: RemovalOrder): readonly string[] {
  const asked = namesIn(order.remove);
  const accounted = new Set([...order.remove, ...image.tags].map(repositoryOf));
  return [
    ...image.tags.filter((tag) => !asked.has(normalisedReference(tag))),
    ...image.digests.filter((digest) => !accounted.has(repositoryOf(digest))),
  ];
}

function repositoryOf(reference: string): string {
  const { registry, repository } = parseImageReference(reference);
  return `${registry}/${repository}`;
}

/** A pull Pod only stands for the wish that is being withdrawn. Removal Pods carry the manager's label too, and need their image. */
function isOfPullPod({ podLabels }: RuntimeContainer): boolean {
  return podLabels[labels.manager] === managerLabelValue && podLabels[labels.removal] === undefined;
}

function needs(container: RuntimeContainer, image: RuntimeImage): boolean {
  const names = namesOf(image);
  const digests = new Set([...names].map(digestOf).filter((digest) => digest !== ''));
  return container.images.some(
    (word) => bare(word) === bare(image.id) || names.has(normalisedReference(word)) || digests.has(digestOf(word)),
  );
}

/** Runtimes write ids with and without the name of their hash. */
const bare = (id: string): string => id.replace(/^sha256:/, '');

const digestOf = (word: string): string => (word.startsWith('sha256:') ? word : parseImageReference(word).digest);

const describe = ({ pod, name, isRunning }: RuntimeContainer): string =>
  isRunning ? `${pod}/${name}` : `${pod}/${name} (ended)`;
