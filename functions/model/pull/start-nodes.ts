import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredByHash } from '#model/desired/known-desired.ts';
import { freeNodeSlots, maxNodesStarted } from '#model/desired/node-limit.ts';
import type { Observed } from '#model/observed.ts';
import type { ObserveNext } from '#model/plan.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/own-entry.ts';
import type { World } from '#model/world.ts';

type Started = { readonly next: ImageCache; readonly observeNext: ObserveNext };

/** Starts the next attempt on pending nodes, up to the concurrency limit. The ledger records the attempt before its Jobs exist. */
export function startNodes(world: World, cache: ImageCache, desired: DesiredByHash): Started {
  const { nodes } = cache.status;
  const startable = Object.entries(nodes).filter(([name, entry]) =>
    canStart(world, { name, entry, images: desired.get(entry.desiredHash)?.images }),
  );
  const slots = freeSlots(cache, world.settings);
  const started = startable.slice(0, Math.min(slots, maxNodesStarted));
  const entries = started.map(([name, entry]): [string, LedgerEntry] => [
    name,
    { ...entry, state: 'Pulling', attempt: entry.attempt + 1, finishedJobs: undefined },
  ]);
  const next = withStatus(cache, { nodes: { ...nodes, ...Object.fromEntries(entries) } });
  const [slotsLeft, startableLeft] = [slots - started.length, startable.length - started.length];
  if (slotsLeft === 0) return { next, observeNext: 'nothing' };
  if (startableLeft > 0) return { next, observeNext: 'same' };
  if (!hasUnobserved(cache, world)) return { next, observeNext: 'nothing' };
  // If none of the observed nodes could start, any of the others may be the next one.
  return { next, observeNext: started.length > 0 ? 'pending' : 'everything' };
}

/** Whether pending nodes were not observed. */
const hasUnobserved = ({ status }: ImageCache, { observed }: World): boolean =>
  !observed.hasAllNodes &&
  Object.entries(status.nodes).some(([name, { state }]) => state === 'Pending' && !observed.nodes.has(name));

type Candidate = {
  readonly name: string;
  readonly entry: LedgerEntry;
  readonly images: readonly string[] | undefined;
};

/** An observed pending node may start unless this cache removes images there, another one removes an image that it will pull, or the namespace has enough Pods there. */
function canStart(world: World, { name, entry, images }: Candidate): boolean {
  const { observed, before } = world;
  if (entry.state !== 'Pending' || observed.nodes.get(name) === undefined || images === undefined) return false;
  const isRemoving = ownEntry(before.status.removals, name)?.state === 'Removing';
  return !isRemoving && !isBeingRemoved(images, entry.id, observed) && !isFull(world, entry.id, images.length);
}

/** Whether the Pods of the cache would be too many beside those of others in its namespace. Alone, a cache may always start. */
function isFull({ pullsBeside, settings, before }: World, nodeId: string, images: number): boolean {
  const [beside, most] = [pullsBeside.get(nodeId) ?? 0, settings.limits.podsPerNode];
  return most > 0 && beside > 0 && beside + Math.min(before.spec.pullsPerNode, images) > most;
}

/** An image is never pulled and removed on a node at once, across all caches. */
function isBeingRemoved(images: readonly string[], nodeId: string, { removals }: Observed): boolean {
  const references = removals.inProgress.get(nodeId);
  return references !== undefined && images.some((image) => references.has(normalisedReference(image)));
}

/** How many more nodes may start pulling now; 0 or more, Infinity without a limit. */
export function freeSlots(cache: ImageCache, settings: Settings): number {
  const entries = Object.values(cache.status.nodes);
  const running = entries.filter(({ state }) => state === 'Pulling').length;
  const total = entries.filter(({ state }) => state !== 'Skipped').length;
  return freeNodeSlots(cache, settings, { running, total });
}
