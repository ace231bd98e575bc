import { labels, managerLabelValue } from '#model/cache/api.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import {
  type RemovalOrder,
  removalResult,
  type RemovalOutcome,
  type RemovalResult,
} from '#model/removal/removal-result.ts';
import type { SpareReason } from '#model/cache/removal-ledger.ts';
import { type RuntimeContainer, type RuntimeImage, type RuntimeState, type Cri } from './cri.ts';

/** The planned action for one reference. */
type PlannedRemoval =
  | { readonly act: 'nothing' }
  | { readonly act: 'spare'; readonly reason: SpareReason; readonly by: readonly string[] }
  | {
      readonly act: 'remove';
      readonly image: RuntimeImage;
      /** All names of the image, normalised; the runtime removes them together. */
      readonly names: ReadonlySet<string>;
    };

/**
 * Plans the removal of one reference. A runtime removes images in use without an error, and all names of an image at
 * once: so images are spared if they are pinned, used by a container, or have a name that is to be kept or was not requested.
 */
export function planRemoval(reference: string, order: RemovalOrder, state: RuntimeState): PlannedRemoval {
  const requested = normalisedReference(reference);
  const image = state.images.find((listed) => namesOf(listed).has(requested));
  if (image === undefined) return { act: 'nothing' };
  const names = namesOf(image);
  if (image.isPinned || isOfSandboxes(names)) return spare('Pinned', []);
  const kept = namesIn(order.keep);
  if (kept.has(requested)) return spare('Wanted', [reference]);
  const shared = [...names].filter((name) => kept.has(name));
  if (shared.length > 0) return spare('SharedTag', shared);
  const others = otherNames(image, order);
  if (others.length > 0) return spare('SharedTag', others);
  const users = state.containers.filter((container) => !isOfPullPod(container) && needs(container, image));
  if (users.length > 0) return spare('InUse', users.map(describe));
  return { act: 'remove', image, names };
}

const spare = (reason: SpareReason, by: readonly string[]): PlannedRemoval => ({ act: 'spare', reason, by });

/** All tags and digests of an image, normalised. */
const namesOf = (image: RuntimeImage): ReadonlySet<string> => namesIn([...image.tags, ...image.digests]);

/**
 * Whether it is an image of Pod sandboxes. Old runtimes pin none, and list the container that runs it nowhere: without it,
 * a node that cannot reach its registry starts no Pod.
 */
const isOfSandboxes = (names: ReadonlySet<string>): boolean =>
  [...names].some((name) => /(?:^|[/-])pause(?:-[a-z0-9]+)?$/.test(parseImageReference(name).repository));

const namesIn = (references: readonly string[]): ReadonlySet<string> => new Set(references.map(normalisedReference));

/**
 * Names that were not requested. A runtime adds a digest for each repository that an image has a tag of, so a digest counts
 * only if no tag and no requested reference is of its repository.
 */
function otherNames(image: RuntimeImage, order: RemovalOrder): readonly string[] {
  const requested = namesIn(order.remove);
  const known = new Set([...order.remove, ...image.tags].map(repositoryOf));
  return [
    ...image.tags.filter((tag) => !requested.has(normalisedReference(tag))),
    ...image.digests.filter((digest) => !known.has(repositoryOf(digest))),
  ];
}

function repositoryOf(reference: string): string {
  const { registry, repository } = parseImageReference(reference);
  return `${registry}/${repository}`;
}

/** Pull Pods do not count as users of an image. Removal Pods have the manager's label too, but need their image. */
function isOfPullPod({ podLabels }: RuntimeContainer): boolean {
  return podLabels[labels.manager] === managerLabelValue && podLabels[labels.removal] === undefined;
}

function needs(container: RuntimeContainer, image: RuntimeImage): boolean {
  const names = namesOf(image);
  const digests = new Set([...names].map(digestOf).filter((digest) => digest !== ''));
  return container.images.some(
    (name) =>
      withoutAlgorithm(name) === withoutAlgorithm(image.id) ||
      names.has(normalisedReference(name)) ||
      digests.has(digestOf(name)),
  );
}

/** Runtimes report ids with and without the algorithm. */
const withoutAlgorithm = (id: string): string => id.replace(/^sha256:/, '');

const digestOf = (name: string): string => (name.startsWith('sha256:') ? name : parseImageReference(name).digest);

const describe = ({ pod, name, isRunning }: RuntimeContainer): string =>
  isRunning ? `${pod}/${name}` : `${pod}/${name} (ended)`;

/** Removes references one by one, each planned from the runtime's current state. Throws if the runtime is not reachable. */
export async function removeImages(cri: Cri, order: RemovalOrder): Promise<RemovalResult> {
  const runtime = await cri.version();
  const removedNames = new Set<string>();
  const outcomes: RemovalOutcome[] = [];
  for (const image of order.remove)
    try {
      outcomes.push(await remove(image, cri, order, removedNames));
    } catch (error) {
      outcomes.push({ outcome: 'failed', image, message: error instanceof Error ? error.message : String(error) });
    }
  return removalResult(runtime, outcomes);
}

async function remove(
  image: string,
  cri: Cri,
  order: RemovalOrder,
  removedNames: Set<string>,
): Promise<RemovalOutcome> {
  const plan = planRemoval(image, order, await cri.state());
  if (plan.act === 'spare') return { outcome: 'spared', image, reason: plan.reason, by: plan.by.join(', ') };
  if (plan.act === 'nothing') return absent(image, removedNames);
  const { id, bytes } = plan.image;
  // By id, as kubelets do, so that the planned image is removed even if a tag has moved since.
  await cri.removeImage(id);
  if (await cri.hasImage(id)) throw new Error(`the runtime did not refuse to remove ${id}, and still has it`);
  for (const name of plan.names) removedNames.add(name);
  return { outcome: 'removed', image, bytes };
}

/** Reports a name as removed if it was removed with another name of its image, where its bytes are counted. */
const absent = (image: string, removedNames: ReadonlySet<string>): RemovalOutcome =>
  removedNames.has(normalisedReference(image)) ? { outcome: 'removed', image, bytes: 0 } : { outcome: 'absent', image };
