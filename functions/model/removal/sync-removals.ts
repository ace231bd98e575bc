import { formerDesired } from '#model/desired/former-desired.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { isUnreachable, skipReason, type Node } from '#model/node/node.ts';
import { newRemovalEntry, isRemovalUnsettled, type RemovalEntry } from '#model/cache/removal-ledger.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { observedNodes } from '#model/desired/observed-nodes.ts';
import { knownDesired } from '#model/desired/known-desired.ts';
import { toRemoveHash, toRemoveInUse, imagesToRemove } from '#model/desired/images-to-remove.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/own-entry.ts';

type Removals = Pick<Status, 'removals' | 'toRemove'>;

/**
 * What is to go, after a look at the nodes: images that were taken out of the spec, nodes that left a selector, a whole cache that is purged.
 * `cache` has its pulls surveyed. What a node holds by the status that is stored, and is to hold no more, goes as well: a round
 * that opens begins the ledger anew, and would know of no node that left just then.
 */
export function syncRemovals(world: World, cache: ImageCache): Removals {
  const before = world.before;
  const removals = new Map(Object.entries(cache.status.removals));
  const unwanted = new Map(Object.entries(cache.status.toRemove));
  const left = wantsOf(world, before);
  for (const name of new Set([
    ...observedNodes(world, cache.status.nodes),
    ...observedNodes(world, cache.status.removals),
  ])) {
    const node = world.observed.nodes.get(name);
    const entry = removals.get(name);
    const images = node === undefined ? [] : imagesToGo(node, { world, before, cache, left, entry });
    const want = toRemoveHash(images);
    const surveyed = node === undefined ? undefined : surveyedEntry(entry, node, { cache, images, want });
    if (surveyed === undefined) removals.delete(name);
    else removals.set(name, surveyed);
    if (surveyed?.imagesHash === want) unwanted.set(want, images);
  }
  const ledger = Object.fromEntries([...removals].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return { removals: ledger, toRemove: toRemoveInUse(ledger, Object.fromEntries(unwanted)) };
}

/** What each want stands for that the ledger names, also those of a spec that was edited just now. */
function wantsOf(world: World, cache: ImageCache): ReadonlyMap<string, DesiredImages> {
  const known = new Map(knownDesired(world, cache));
  const areKnown = Object.keys(cache.status.desired).every((want) => known.has(want));
  return areKnown ? known : new Map([...formerDesired(cache, world.settings), ...known]);
}

type Look = {
  readonly world: World;
  readonly before: ImageCache;
  readonly cache: ImageCache;
  readonly left: ReadonlyMap<string, DesiredImages>;
  readonly entry: RemovalEntry | undefined;
};

function imagesToGo(node: Node, { world, before, cache, left, entry }: Look): readonly string[] {
  const held = ownEntry(before.status.nodes, node.name);
  const isAnother = held?.id !== node.id || held.desiredHash !== ownEntry(cache.status.nodes, node.name)?.desiredHash;
  const hasPulled = held !== undefined && (held.attempt > 0 || held.state === 'Ready' || held.state === 'Failed');
  const taken = hasPulled && isAnother && held.id === node.id ? (left.get(held.desiredHash)?.images ?? []) : [];
  const isUnfinished = entry?.id === node.id && !isDone(entry);
  const unfinished = isUnfinished ? (ownEntry(cache.status.toRemove, entry.imagesHash) ?? []) : [];
  return imagesToRemove(node, { cache, more: [...taken, ...unfinished], settings: world.settings });
}

type Case = Pick<Look, 'cache'> & { readonly images: readonly string[]; readonly want: string };

/** A removal under way ends before anything else is thought of; what has ended is told until the next round. */
function surveyedEntry(entry: RemovalEntry | undefined, node: Node, at: Case): RemovalEntry | undefined {
  const { cache, images, want } = at;
  const own = entry?.id === node.id ? entry : undefined;
  const reason = skipReason(node, undefined);
  if (own?.state === 'Removing')
    return isUnreachable(reason) ? { ...own, state: 'Skipped', reason: reason ?? '' } : own;
  if (images.length === 0) return own !== undefined && isDone(own) ? own : undefined;
  const current = own?.imagesHash === want ? own : newRemovalEntry(node.id, want, cache.status.round?.number ?? 0);
  if (isDone(current)) return current;
  if (reason !== undefined) return { ...current, state: 'Skipped', reason };
  return current.state === 'Pending' ? current : { ...current, state: 'Pending', reason: '' };
}

const isDone = (entry: RemovalEntry): boolean => !isRemovalUnsettled(entry) && entry.state !== 'Skipped';
