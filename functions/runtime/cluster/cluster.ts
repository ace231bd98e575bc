import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import type { Namespaces } from '#runtime/api/paths.ts';
import { clusterReads, type ClusterReads } from './cluster-reads.ts';
import { clusterWrites, type ClusterWrites } from './cluster-writes.ts';

/** Everything that functions read and write in the cluster. Every method throws `ApiError` if the API server refuses. */
export type Cluster = ClusterReads & ClusterWrites;

/** A cluster over a connection to the API server. With `namespaces`, caches in other namespaces count as absent. */
export const createCluster = (api: Api, namespaces: Namespaces = [], log?: Pick<Logger, 'warn'>): Cluster => ({
  ...clusterReads(api, namespaces, log),
  ...clusterWrites(api),
});
