import { withoutNode } from '#model/cache/failures.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { newEntry, type Ledger, type LedgerEntry } from '#model/cache/ledger.ts';
import { isUnreachable, skipReason, type Node, type SkipReason } from '#model/node/node.ts';
import { podTolerations } from '#model/node/tolerations.ts';
import { currentDesiredImages } from '#model/desired/images-to-remove.ts';
import type { DesiredImages } from '#model/desired/desired-images.ts';
import { observedNodes } from '#model/desired/observed-nodes.ts';
import { knownDesired, type DesiredByHash } from '#model/desired/known-desired.ts';
import { pullPolicyOf } from '#model/desired/pull-policy.ts';
import { isProvenPresent } from '#model/desired/presence.ts';
import type { World } from '#model/world.ts';

/** The ledger after a look at the nodes: who is concerned, who has changed, who can be served, who needs nothing. */
export function syncLedger(
  world: World,
  cache: ImageCache,
): { readonly status: Status; readonly wanted: DesiredByHash } {
  const wanted = new Map(knownDesired(world, cache));
  const nodes = new Map(Object.entries(cache.status.nodes));
  let { failures } = cache.status;
  for (const name of observedNodes(world, cache.status.nodes)) {
    const node = world.observed.nodes.get(name);
    const want = node === undefined ? undefined : currentDesiredImages(cache, node, world.settings);
    const before = nodes.get(name);
    if (node === undefined || want === undefined) nodes.delete(name);
    else {
      wanted.set(want.hash, want);
      nodes.set(name, surveyed(before, node, want, { world, cache }));
    }
    if (before !== undefined && isAnother(before, nodes.get(name))) failures = withoutNode(failures, name);
  }
  const ledger = Object.fromEntries([...nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const wants = Object.fromEntries([...wanted.values()].map(({ hash, lists }) => [hash, lists]));
  return { status: { ...cache.status, nodes: ledger, desired: wants, failures }, wanted };
}

const isAnother = (before: LedgerEntry, after: LedgerEntry | undefined): boolean =>
  after === undefined || after.id !== before.id || after.desiredHash !== before.desiredHash;

type Place = { readonly world: World; readonly cache: ImageCache };

function surveyed(before: LedgerEntry | undefined, node: Node, want: DesiredImages, place: Place): LedgerEntry {
  const isKept = before !== undefined && before.id === node.id && before.desiredHash === want.hash;
  const entry = isKept ? before : newEntry(node.id, want.hash);
  if (entry.state === 'Ready' || entry.state === 'Failed') return entry;
  const reason = skipReason(node, podTolerations(place.cache.spec));
  if (reason !== undefined && (entry.state !== 'Pulling' || isUnreachable(reason))) return skipped(entry, reason);
  if (entry.state === 'Pulling') return entry;
  if (entry.attempt > 0) return { ...entry, state: 'Pending', reason: '' };
  return unstarted(entry, node, want, place);
}

/** The ledger with those nodes skipped that wait for another try and can not be served any more: they filled up, or were cordoned. */
export function skipUnavailable({ observed }: World, { spec, status }: ImageCache): Ledger {
  const entries = Object.entries(status.nodes).map(([name, entry]) => {
    const node = entry.state === 'Pending' ? observed.nodes.get(name) : undefined;
    const reason = node === undefined ? undefined : skipReason(node, podTolerations(spec));
    return [name, reason === undefined ? entry : skipped(entry, reason)] as const;
  });
  return Object.fromEntries(entries);
}

const skipped = (entry: LedgerEntry, reason: SkipReason): LedgerEntry => ({
  ...entry,
  state: 'Skipped',
  reason,
  finishedJobs: undefined,
});

/** Before the first attempt: what the node's own list proves to be there needs no Job. */
function unstarted(entry: LedgerEntry, node: Node, want: DesiredImages, { world, cache }: Place): LedgerEntry {
  const candidates = entry.pendingImages ?? want.images.map((_, index) => index);
  const missing = candidates.filter((index) => {
    const image = want.images[index] ?? '';
    return !isProvenPresent(image, node, pullPolicyOf(image, cache, world.settings));
  });
  const todo = missing.length === want.images.length ? undefined : missing;
  const state = missing.length === 0 ? 'Ready' : 'Pending';
  return { ...entry, state, reason: '', pendingImages: state === 'Ready' ? undefined : todo };
}
