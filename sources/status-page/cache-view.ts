import type { ImageCache } from '#model/cache/image-cache.ts';
import { type ImageOrigin, imageOrigins } from '#model/cache/found-images.ts';
import { hasKnownLocks, isLocked } from '#model/cache/image-states.ts';
import { type LedgerEntry, type NodeState, isFailing, stateOf } from '#model/cache/ledger.ts';
import type { RemovalLedger, RemovalState } from '#model/cache/removal-ledger.ts';
import { type Access, accessOf } from '#model/desired/access.ts';
import { imageState } from '#model/desired/image-state.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { page, type Page, type Paging } from './overview.ts';
import type { RegistryUse } from '#model/cache/registry-use.ts';
import { clockTime } from '#model/text/times.ts';
import { waveText } from '#model/desired/rollout.ts';

/** A row of the table of caches; times are epoch milliseconds. */
export type CacheRow = {
  readonly namespace: string;
  readonly name: string;
  readonly status: string;
  readonly operation: string;
  readonly message: string;
  readonly isSuspended: boolean;
  /** `failing` nodes are not among the pulling and pending ones here. */
  readonly nodes: Readonly<Record<'ready' | 'pulling' | 'pending' | 'failing' | 'failed' | 'held' | 'skipped', number>>;
  /** Nodes with image removals, by state. */
  readonly removals: Readonly<Record<'removed' | 'open' | 'failed' | 'skipped', number>>;
  readonly images: { readonly total: number; readonly failed: number };
  readonly started: number | undefined;
  readonly ended: number | undefined;
  readonly nextRefresh: number | undefined;
};

/** The details of a cache, with one page of each list: a cache may have thousands of nodes, and a node a thousand images. */
export type CacheDetail = CacheRow & {
  /** What bounds how fast its nodes pull. */
  readonly limits: readonly string[];
  /** What could not be read of workloads; '' if nothing. */
  readonly unread: string;
  readonly imageRows: Page<ImageRow>;
  readonly nodeRows: Page<NodeRow>;
  /** One letter for the state of each node, in the order of all rows: F, P, W (pending), S or R. */
  readonly map: string;
};
type ImageRow = {
  readonly image: string;
  readonly digest: string;
  readonly ready: number;
  readonly failing: number;
  readonly failed: number;
  readonly open: number;
  /** Who can start it without its registry; '' while no node has it. */
  readonly access: Access | '';
  /** The workloads that it is there for; undefined if it is only in a list. */
  readonly origin: ImageOrigin | undefined;
};
type NodeRow = {
  readonly node: string;
  readonly state: ShownState;
  readonly reason: string;
  readonly attempt: number;
  readonly present: number;
  readonly desired: number;
};
type ImageState = 'failed' | 'failing' | 'pulling' | 'pending' | 'unknown' | 'present';
export type NodeImageRow = {
  readonly image: string;
  readonly state: ImageState;
  readonly reason: string;
  readonly message: string;
};

export function cacheRow(cache: ImageCache): CacheRow {
  const { namespace, name, spec, status } = cache;
  const { desired, ready, failing, failed, held, skipped } = nodeCounts(status.nodes);
  const entries = Object.values(status.nodes);
  const pulling = entries.filter((entry) => shownState(entry) === 'Pulling').length;
  const images = new Set(spec.lists.flatMap((list) => list.images));
  return {
    ...{ namespace, name, status: status.status, operation: status.round?.operation ?? '', message: status.message },
    isSuspended: spec.suspend,
    nodes: {
      ...{ ready, pulling, pending: desired - ready - pulling - failing - failed - held },
      ...{ failing, failed, held, skipped },
    },
    removals: removalCounts(status.removals),
    images: { total: images.size, failed: Object.keys(status.failures).length },
    ...{ started: status.startTime, ended: status.completionTime, nextRefresh: status.nextRefreshTime },
  };
}

function removalCounts(removals: RemovalLedger): CacheRow['removals'] {
  const states = Object.values(removals).map(({ state }) => state);
  const count = (...of: readonly RemovalState[]): number => states.filter((state) => of.includes(state)).length;
  return {
    ...{ removed: count('Removed'), open: count('Pending', 'Kept', 'Removing') },
    ...{ failed: count('Failed'), skipped: count('Skipped') },
  };
}

type Asked = { readonly query: string; readonly state: string; readonly nodes: Paging; readonly images: Paging };

/** The details of one cache, with the nodes whose name contains the query and that are in the state, if one is given. */
export function cacheDetail(cache: ImageCache, asked: Asked): CacheDetail {
  const entries = Object.entries(cache.status.nodes).toSorted(byUrgency);
  const chosen = entries.filter(
    ([name, entry]) => (asked.state === '' || shownState(entry) === asked.state) && name.includes(asked.query),
  );
  const nodeRows = page(chosen, asked.nodes);
  return {
    ...cacheRow(cache),
    limits: limitLines(cache),
    unread: cache.found.problem,
    imageRows: page(imageRows(cache), asked.images),
    nodeRows: { ...nodeRows, rows: nodeRows.rows.map(([name, entry]) => nodeRow(name, entry, cache)) },
    map: chosen
      .map(([, entry]) => letters[shownState(entry)])
      .join('')
      .slice(0, maxCells),
  };
}

/** The images of one node with their states; undefined if the cache has no such node. */
export function nodeImages(cache: ImageCache, node: string, paging: Paging): Page<NodeImageRow> | undefined {
  const entry = Object.hasOwn(cache.status.nodes, node) ? cache.status.nodes[node] : undefined;
  if (entry === undefined) return undefined;
  const rows = desiredOn(entry, cache).map((image, index) => {
    const failure = cache.status.failures[image]?.find((each) => each.node === node);
    const state = shownImageState(entry, index);
    const { reason, message } = state === 'present' || failure === undefined ? { reason: '', message: '' } : failure;
    return { image, state, reason, message };
  });
  return page(
    rows.toSorted((a, b) => imageStates.indexOf(a.state) - imageStates.indexOf(b.state)),
    paging,
  );
}

/** The state as the page shows it. */
type ShownState = NodeState | 'Failing';
const shownState = (entry: LedgerEntry): ShownState => (isFailing(entry) ? 'Failing' : stateOf(entry));

const letters: Readonly<Record<ShownState, string>> = {
  Failed: 'F',
  Failing: 'T',
  Pulling: 'P',
  Pending: 'W',
  Held: 'H',
  Skipped: 'S',
  Ready: 'R',
};
const urgency = Object.keys(letters);
const imageStates: readonly ImageState[] = ['failed', 'failing', 'pulling', 'pending', 'unknown', 'present'];
/** More nodes than any cluster has. */
const maxCells = 10_000;

const names = new Intl.Collator('en', { numeric: true });
type Named = readonly [name: string, entry: LedgerEntry];
const byUrgency = ([a, one]: Named, [b, other]: Named): number =>
  urgency.indexOf(shownState(one)) - urgency.indexOf(shownState(other)) || names.compare(a, b);

const desiredOn = (entry: LedgerEntry, cache: ImageCache): readonly string[] => ledgerImages(cache, entry.desiredHash);

function nodeRow(node: string, entry: LedgerEntry, cache: ImageCache): NodeRow {
  const { reason, attempt } = entry;
  const state = shownState(entry);
  const states = desiredOn(entry, cache).map((_, index) => shownImageState(entry, index));
  const present = states.filter((each) => each === 'present').length;
  return { node, state, reason, attempt, present, desired: states.length };
}

function shownImageState(entry: LedgerEntry, index: number): ImageState {
  const state = imageState(entry, index);
  return state === 'waiting' ? 'pending' : state;
}

type ImageCounts = Record<'ready' | 'failing' | 'failed' | 'open' | 'locked' | 'unknown', number>;

/** Images with the number of nodes in each state; those with failures first. */
function imageRows(cache: ImageCache): readonly ImageRow[] {
  const rows = new Map<string, ImageCounts>();
  for (const entry of Object.values(cache.status.nodes))
    desiredOn(entry, cache).forEach((image, index) => {
      const row = rows.get(image) ?? { ready: 0, failing: 0, failed: 0, open: 0, locked: 0, unknown: 0 };
      rows.set(image, row);
      const state = shownImageState(entry, index);
      if (state === 'failed') row.failed += 1;
      else if (state === 'failing') row.failing += 1;
      else if (state !== 'present' && state !== 'unknown') row.open += 1;
      if (state !== 'present') return;
      row.ready += 1;
      if (!hasKnownLocks(entry)) row.unknown += 1;
      else if (isLocked(entry, index)) row.locked += 1;
    });
  const origins = imageOrigins(cache);
  return [...rows]
    .map(([image, { failing, failed, open, ...counts }]) => {
      const access = accessOf(image, counts, cache) ?? '';
      const digest = cache.status.digests[image] ?? '';
      const origin = origins.get(image);
      return { image, digest, ready: counts.ready, failing, failed, open, access, origin } as const;
    })
    .toSorted(
      (a, b) => b.failed - a.failed || b.failing - a.failing || b.open - a.open || names.compare(a.image, b.image),
    );
}

/** What bounds how fast the nodes of a cache pull now, unless its message says it: its wave, and registries with a limit. */
function limitLines({ spec, status }: ImageCache): readonly string[] {
  const wave = waveText(spec.rollout, status.nodes, status.nextWaveTime);
  const registries = Object.entries(status.registries).flatMap(([host, use]) => {
    const parts = partsOf(use);
    return parts.length === 0 ? [] : [`${host} ${parts.join(', ')} (UTC)`];
  });
  return [...(status.message.includes(wave) ? [] : [wave]), ...registries];
}

const partsOf = (use: RegistryUse): readonly string[] => {
  const { pulls, pullsUntil, restsUntil, pullsLeft, pullsLeftUntil, waitsUntil } = use;
  return [
    ...until('rests until', restsUntil),
    ...until('has nodes wait until', waitsUntil),
    ...until(`has ${pullsLeft ?? 0} pulls left for nodes until`, pullsLeftUntil),
    ...until(`counts ${pulls} pulls of its budget until`, pullsUntil),
  ];
};

const until = (what: string, time: number | undefined): readonly string[] =>
  time === undefined ? [] : [`${what} ${clockTime(time)}`];
