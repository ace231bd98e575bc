import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';

const table = z.object({
  columnDefinitions: z.array(z.object({ name: z.string() })),
  rows: z.array(z.object({ cells: z.array(z.unknown()) })),
});

/** The word that a cache's status says (Processing, Succeeded, ...), as kubectl asks for it: of a large cache that is far less than all of it. */
export async function cacheWord(api: Api, name: string): Promise<string> {
  const path = `/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches/${name}?includeObject=None`;
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const { columnDefinitions, rows } = table.parse(await api.request({ method: 'GET', path, accept }));
  const word = rows[0]?.cells[columnDefinitions.findIndex((column) => column.name === 'Status')];
  return typeof word === 'string' ? word : '';
}

/** The word once the cache is done with; undefined until then. */
export async function finalWord(api: Api, name: string): Promise<string | undefined> {
  const word = await cacheWord(api, name);
  return word === '' || word === 'Processing' ? undefined : word;
}
