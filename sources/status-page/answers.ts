import type { ImageCache } from '#model/cache/image-cache.ts';
import { version } from '#runtime/version.ts';
import type { Sources } from '../start-sources.ts';
import { cacheDetail, nodeImages } from './cache-view.ts';
import { overview } from './overview.ts';
import { pagingOf } from './paging.ts';

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
