import type { Node } from '#model/node/node.ts';
import { nodeReader, parseNode } from '#model/node/parse-node.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { cacheOrUnreadable, isUnreadable } from '#runtime/cluster/objects.ts';
import { ApiError } from '#runtime/errors.ts';
import { settingsInUse } from '../settings-in-use.ts';
import { cacheRecord, type CacheRecord } from './cache-record.ts';

/** All nodes, or the one of this name. Throws `ApiError` if they cannot be read. */
export async function readNodes(api: Api, name: string | undefined): Promise<readonly Node[]> {
  if (name !== undefined) return [parseNode(await api.request({ method: 'GET', path: paths.node(name) }))];
  return listItems(api, paths.nodes, { bound: 'page_nodes', parse: nodeReader() });
}

export type ReadCaches = { readonly records: readonly CacheRecord[]; readonly hasAllCaches: boolean };

/** The caches of all namespaces; if they may not be listed, those of these namespaces. */
export async function readCaches(api: Api, namespaces: readonly string[]): Promise<ReadCaches> {
  const { settings } = await settingsInUse(api);
  const list = (at: readonly string[]): Promise<ReadCaches> => listCaches(api, at, settings.serviceAccountName);
  try {
    return await list([paths.caches()]);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    const { records } = await list(namespaces.map(paths.caches));
    return { records, hasAllCaches: false };
  }
}

async function listCaches(api: Api, at: readonly string[], usualAccount: string): Promise<ReadCaches> {
  const parse = (object: unknown): CacheRecord | undefined => {
    const cache = cacheOrUnreadable(object);
    return isUnreadable(cache) ? undefined : cacheRecord(cache, object, usualAccount);
  };
  const all = await listItems(api, at, { bound: 'page_caches', parse });
  const records = all.filter((each) => each !== undefined);
  return { records, hasAllCaches: records.length === all.length };
}
