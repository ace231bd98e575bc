import { isPurged } from '#model/cache/image-cache.ts';
import { hasKnownLocks, isLocked } from '#model/cache/image-states.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { type Access, accessOf } from '#model/desired/access.ts';
import { type ImageState, imageState } from '#model/desired/image-state.ts';
import type { Node } from '#model/node/node.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { type CachedImage, type CacheRecord, repositoryOf } from './cache-record.ts';

/** What a cache records about an image of the same repository on one node. */
export type Holding = {
  readonly record: CacheRecord;
  readonly cached: CachedImage;
  /** The node's entry in the cache's status; undefined if it has none. */
  readonly entry: LedgerEntry | undefined;
  /** `digest`: the same image by another name. `repository`: another image, or not known to be the same. */
  readonly match: 'name' | 'digest' | 'repository';
  readonly state: ImageState | 'skipped' | 'not selected' | 'not observed' | 'purged';
  /** The failure that the node reported, or why the cache skips it; '' otherwise. */
  readonly reason: string;
  /** Who can start it on this node, by this cache's entry in the kubelet's record. */
  readonly access: Access;
};

/** What the caches record about an image on a node, the same name first. */
export function holdingsOf(image: string, node: Node, records: readonly CacheRecord[]): readonly Holding[] {
  const repository = repositoryOf(image);
  const wanted = { reference: normalisedReference(image), digest: parseImageReference(image).digest };
  const found = records.flatMap((record) =>
    (record.imagesByRepository.get(repository) ?? []).map((cached) => holding(wanted, node, { record, cached })),
  );
  return found.toSorted((a, b) => matches.indexOf(a.match) - matches.indexOf(b.match));
}

const matches: readonly Holding['match'][] = ['name', 'digest', 'repository'];

/** The image that a Pod names; `digest` is '' if it names none. */
type Wanted = { readonly reference: string; readonly digest: string };
type Cached = { readonly record: CacheRecord; readonly cached: CachedImage };

function holding(wanted: Wanted, node: Node, { record, cached }: Cached): Holding {
  const entry = ownEntry(record.cache.status.nodes, node.name);
  const index = entry && record.indexes.get(entry.desiredHash)?.get(cached.reference);
  const match = matchOf(wanted, node, cached);
  if (!record.isObserved) return { record, cached, entry, match, state: 'not observed', reason: '', access: 'Unknown' };
  if (isPurged(record.cache)) return { record, cached, entry, match, state: 'purged', reason: '', access: 'Unknown' };
  if (entry?.id !== node.id || index === undefined)
    return { record, cached, entry, match, state: 'not selected', reason: '', access: 'Unknown' };
  return {
    ...{ record, cached, entry, match },
    state: entry.state === 'Skipped' ? 'skipped' : imageState(entry, index),
    reason: reasonOf(node.name, entry, { record, cached }),
    access: accessOn(entry, index, { record, cached }),
  };
}

function matchOf(wanted: Wanted, node: Node, { reference, digest }: CachedImage): Holding['match'] {
  if (wanted.reference === reference) return 'name';
  const isSame =
    wanted.digest === '' ? node.digests.get(wanted.reference)?.has(digest) === true : wanted.digest === digest;
  return isSame ? 'digest' : 'repository';
}

function reasonOf(node: string, entry: LedgerEntry, { record, cached }: Cached): string {
  if (entry.state === 'Skipped') return entry.reason;
  const failure = ownEntry(record.cache.status.failures, cached.image)?.find((each) => each.node === node);
  return failure === undefined ? '' : [failure.reason, failure.message].filter((part) => part !== '').join(': ');
}

/** The access to an image on one node; `status.images[].access` is about all nodes together. */
function accessOn(entry: LedgerEntry, index: number, { record, cached }: Cached): Access {
  if (!cached.hasAccess) return 'Unknown';
  const locked = isLocked(entry, index) ? 1 : 0;
  const unknown = hasKnownLocks(entry) ? 0 : 1;
  return accessOf(cached.image, { ready: 1, locked, unknown }, record.cache) ?? 'Unknown';
}
