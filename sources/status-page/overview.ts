import { statusValues, type ImageCache } from '#model/cache/image-cache.ts';
import { cacheRow, type CacheRow } from './cache-view.ts';
import { page, type Page, type Paging } from './paging.ts';

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

type Known = Pick<Overview, 'version' | 'source'> & { readonly caches: readonly ImageCache[] };

export function overview({ caches, ...known }: Known, { query, status, paging }: Asked): Overview {
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
