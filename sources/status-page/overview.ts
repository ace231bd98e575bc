import { type ImageCache, statusValues } from '#model/cache/image-cache.ts';
import { version } from '#runtime/version.ts';
import type { Sources } from '../start-sources.ts';
import { cacheDetail, nodeImages, cacheRow, type CacheRow } from './cache-view.ts';

type Known = Pick<Sources, 'leads' | 'synced' | 'caches'>;

/** Answers the page's data requests by the last part of their path; undefined if the object does not exist. */
export function answerTo(what: string, query: URLSearchParams, known: Known): object | undefined {
  if (what === 'caches') return allCaches(query, known);
  const cache = known.caches().get(`${query.get('namespace') ?? ''}/${query.get('name') ?? ''}`);
  if (cache === undefined) return undefined;
  if (what === 'cache') return oneCache(query, cache);
  return what === 'node' ? nodeImages(cache, query.get('node') ?? '', pagingOf(query, '', 100)) : undefined;
}

function allCaches(query: URLSearchParams, known: Known): object {
  const source = known.leads() ? (known.synced() ? 'live' : 'reading') : 'standby';
  const asked = { query: query.get('q') ?? '', status: query.get('status') ?? '', paging: pagingOf(query, '', 100) };
  return overview({ version, source, caches: [...known.caches().values()] }, asked);
}

const oneCache = (query: URLSearchParams, cache: ImageCache): object =>
  cacheDetail(cache, {
    query: query.get('q') ?? '',
    state: query.get('state') ?? '',
    nodes: pagingOf(query, 'nodes-', 50),
    images: pagingOf(query, 'images-', 50),
  });

/** All caches: their number by status, and one page of those that match. */
export type Overview = {
  readonly version: string;
  /** `standby`: another process watches; `reading`: not all objects are known yet. */
  readonly source: 'live' | 'reading' | 'standby';
  readonly statuses: Readonly<Record<string, number>>;
  readonly caches: Page<CacheRow>;
};

export type Asked = {
  /** Text in the namespace, name or images. */
  readonly query: string;
  /** A status word, or '' for all; `New` is a cache without one. */
  readonly status: string;
  readonly paging: Paging;
};

type Listing = Pick<Overview, 'version' | 'source'> & { readonly caches: readonly ImageCache[] };

export function overview({ caches, ...known }: Listing, { query, status, paging }: Asked): Overview {
  const found = caches.filter((cache) => matches(cache, query.toLowerCase()));
  const counted = statusValues.map(
    (word) => [wordOf(word), found.filter((each) => each.status.status === word).length] as const,
  );
  const chosen = found.filter((cache) => status === '' || wordOf(cache.status.status) === status).toSorted(byUrgency);
  const { rows, ...where } = page(chosen, paging);
  return { ...known, statuses: Object.fromEntries(counted), caches: { ...where, rows: rows.map(cacheRow) } };
}

const wordOf = (status: string): string => (status === '' ? 'New' : status);

const matches = ({ namespace, name, spec }: ImageCache, query: string): boolean =>
  query === '' ||
  `${namespace}/${name}`.includes(query) ||
  spec.lists.some(({ images }) => images.some((image) => image.toLowerCase().includes(query)));

/** Failures first, then what is in progress, then by name. */
const urgency: readonly string[] = ['Failed', 'Aborted', 'Processing', '', 'Unknown', 'NoImagesPulledOrDeleted'];
const urgencyOf = ({ status: { status } }: ImageCache): number =>
  (urgency.indexOf(status) + urgency.length + 1) % (urgency.length + 1);

const keyOf = ({ namespace, name }: ImageCache): string => `${namespace}/${name}`;
const byUrgency = (a: ImageCache, b: ImageCache): number =>
  urgencyOf(a) - urgencyOf(b) || (keyOf(a) < keyOf(b) ? -1 : 1);

/** A part of a list, and the length of the whole. */
export type Page<T> = { readonly rows: readonly T[]; readonly offset: number; readonly total: number };
export type Paging = { readonly offset: number; readonly limit: number };

/** Maximum number of rows in one answer. */
const maxRows = 200;

export function page<T>(all: readonly T[], { offset, limit }: Paging): Page<T> {
  const from = Math.min(offset, Math.max(0, all.length - 1));
  return { rows: all.slice(from, from + limit), offset: from, total: all.length };
}

/** Reads `offset` and `limit`, after a prefix, from a query; anything but a whole number is ignored. */
export function pagingOf(query: URLSearchParams, prefix: string, usual: number): Paging {
  const read = (name: string, fallback: number): number => {
    const text = query.get(`${prefix}${name}`) ?? '';
    return /^\d{1,7}$/.test(text) ? Number(text) : fallback;
  };
  return { offset: read('offset', 0), limit: Math.min(maxRows, Math.max(1, read('limit', usual))) };
}
