import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';

const table = z.object({
  columnDefinitions: z.array(z.object({ name: z.string() })),
  rows: z.array(z.object({ cells: z.array(z.unknown()) })),
});

/** The status of a cache (Processing, Succeeded, ...) as a table, as kubectl reads it: far less than the whole of a large cache. */
export async function cacheStatus(api: Api, name: string): Promise<string> {
  const path = `/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches/${name}?includeObject=None`;
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const { columnDefinitions, rows } = table.parse(await api.request({ method: 'GET', path, accept }));
  const status = rows[0]?.cells[columnDefinitions.findIndex((column) => column.name === 'Status')];
  return typeof status === 'string' ? status : '';
}

/** The status of a cache after its round; undefined until then. */
export async function finalStatus(api: Api, name: string): Promise<string | undefined> {
  const status = await cacheStatus(api, name);
  return status === '' || status === 'Processing' ? undefined : status;
}
