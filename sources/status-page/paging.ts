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
