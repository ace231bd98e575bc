import { withoutNode } from '#model/cache/failures.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { freshEntry, type Ledger, type LedgerEntry } from '#model/cache/ledger.ts';
import { isAway, skipReason, type Node, type SkipReason } from '#model/node/node.ts';
import { tolerationsOf } from '#model/node/tolerations.ts';
import { wantedNow } from '#model/desired/images-to-remove.ts';
import { isProvenPresent, pullPolicyOf, wantedOf, type Wanted } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';

/** What each want stands for. A want that is missing here can not be judged until all nodes have been seen. */
export type WantedByHash = ReadonlyMap<string, Wanted>;

/** The ledger after a look at the nodes: who is concerned, who has changed, who can be served, who needs nothing. */
export function survey(world: World, cache: ImageCache): { readonly status: Status; readonly wanted: WantedByHash } {
  const wanted = new Map(knownWants(world, cache));
  const nodes = new Map(Object.entries(cache.status.nodes));
  let { failures } = cache.status;
  for (const name of seenNodes(world, cache.status.nodes)) {
    const node = world.observed.nodes.get(name);
    const want = node === undefined ? undefined : wantedNow(cache, node, world.settings);
    const before = nodes.get(name);
    if (node === undefined || want === undefined) nodes.delete(name);
    else {
      wanted.set(want.want, want);
      nodes.set(name, surveyed(before, node, want, { world, cache }));
    }
    if (before !== undefined && isAnother(before, nodes.get(name))) failures = withoutNode(failures, name);
  }
  const ledger = Object.fromEntries([...nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const wants = Object.fromEntries([...wanted.values()].map(({ want, lists }) => [want, lists]));
  return { status: { ...cache.status, nodes: ledger, wants, failures }, wanted };
}

/** The nodes of which is known how they are: where all were looked at, the ledger's others are known to be gone. */
export const seenNodes = ({ observed }: World, ledger: Readonly<Record<string, unknown>>): ReadonlySet<string> =>
  new Set([...(observed.hasAllNodes ? Object.keys(ledger) : []), ...observed.nodes.keys()]);

const isAnother = (before: LedgerEntry, after: LedgerEntry | undefined): boolean =>
  after === undefined || after.id !== before.id || after.want !== before.want;

/** The wants that the status remembers, unless a changed setting has made them mean something else. */
export function knownWants({ settings }: World, cache: ImageCache): readonly (readonly [string, Wanted])[] {
  return Object.entries(cache.status.wants).flatMap(([want, lists]) => {
    const wanted = wantedOf(cache, lists, settings);
    return wanted.want === want ? [[want, wanted] as const] : [];
  });
}

type Place = { readonly world: World; readonly cache: ImageCache };

function surveyed(before: LedgerEntry | undefined, node: Node, want: Wanted, place: Place): LedgerEntry {
  const isKept = before !== undefined && before.id === node.id && before.want === want.want;
  const entry = isKept ? before : freshEntry(node.id, want.want);
  if (entry.state === 'Ready' || entry.state === 'Failed') return entry;
  const reason = skipReason(node, tolerationsOf(place.cache.spec));
  if (reason !== undefined && (entry.state !== 'Pulling' || isAway(reason))) return skipped(entry, reason);
  if (entry.state === 'Pulling') return entry;
  if (entry.attempt > 0) return { ...entry, state: 'Pending', reason: '' };
  return unstarted(entry, node, want, place);
}

/** The ledger with those nodes skipped that wait for another try and can not be served any more: they filled up, or were cordoned. */
export function setAside({ observed }: World, { spec, status }: ImageCache): Ledger {
  const entries = Object.entries(status.nodes).map(([name, entry]) => {
    const node = entry.state === 'Pending' ? observed.nodes.get(name) : undefined;
    const reason = node === undefined ? undefined : skipReason(node, tolerationsOf(spec));
    return [name, reason === undefined ? entry : skipped(entry, reason)] as const;
  });
  return Object.fromEntries(entries);
}

const skipped = (entry: LedgerEntry, reason: SkipReason): LedgerEntry => ({
  ...entry,
  state: 'Skipped',
  reason,
  ended: undefined,
});

/** Before the first attempt: what the node's own list proves to be there needs no Job. */
function unstarted(entry: LedgerEntry, node: Node, want: Wanted, { world, cache }: Place): LedgerEntry {
  const candidates = entry.todo ?? want.images.map((_, index) => index);
  const missing = candidates.filter((index) => {
    const image = want.images[index] ?? '';
    return !isProvenPresent(image, node, pullPolicyOf(image, cache, world.settings));
  });
  const todo = missing.length === want.images.length ? undefined : missing;
  const state = missing.length === 0 ? 'Ready' : 'Pending';
  return { ...entry, state, reason: '', todo: state === 'Ready' ? undefined : todo };
}
