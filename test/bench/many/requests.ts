import type { RequestCount } from '../results.ts';

/** Requests of one kind, such as `LIST jobs` or `PATCH imagecaches/status`, with the bytes of their answers. */
export type Requested = {
  readonly count: number;
  readonly bytes: number;
  /** Epoch milliseconds of the first and the last. */
  readonly firstAt: number;
  readonly lastAt: number;
};

export type Requests = Readonly<Record<string, Requested>>;

const collection = /^\/apis?\/(?:[^/]+\/)?v[^/]+\/(?:namespaces\/[^/]+\/)?([^/]+)(?:\/[^/]+)?(?:\/([^/]+))?$/;

/** What a request does, in words of the API: GET is a read of one object, LIST of many, WATCH a stream. */
export function kindOf(method: string, url: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const path = pathname.replace(/^\/api\/v1\/namespaces\/[^/]+$/, '/api/v1/namespaces/one/namespaces/name');
  const [, resource, subresource] = collection.exec(path) ?? [];
  if (resource === undefined) return `${method} other`;
  const isOne = path.split('/').at(-1) !== resource;
  const verb = searchParams.get('watch') === 'true' ? 'WATCH' : method === 'GET' && !isOne ? 'LIST' : method;
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}

const reading = new Set(['GET', 'LIST', 'WATCH']);
const isRead = (kind: string): boolean => reading.has(kind.split(' ', 1)[0] ?? '');

/** Renewals of the Lease are no work. */
const isWork = (kind: string): boolean => !kind.endsWith(' leases') && !kind.endsWith(' other');

export type Totals = { readonly reads: number; readonly writes: number; readonly megabytesRead: number };

export function totalsOf(requests: Requests): Totals {
  const work = Object.entries(requests).filter(([kind]) => isWork(kind));
  const sum = (of: readonly (readonly [string, Requested])[], field: 'count' | 'bytes'): number =>
    of.reduce((total, [, requested]) => total + requested[field], 0);
  const [reads, writes] = [work.filter(([kind]) => isRead(kind)), work.filter(([kind]) => !isRead(kind))];
  return { reads: sum(reads, 'count'), writes: sum(writes, 'count'), megabytesRead: sum(reads, 'bytes') / 1e6 };
}

/** Count and size of each kind, the most frequent first. */
export const requestTable = (requests: Requests): Record<string, RequestCount> =>
  Object.fromEntries(
    Object.entries(requests)
      .toSorted(([, a], [, b]) => b.count - a.count)
      .map(([kind, { count, bytes }]) => [kind, { count, megabytes: Math.round(bytes / 1e4) / 100 }]),
  );
