import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import type { Namespaces } from '#runtime/api/paths.ts';
import { cacheCalls } from './caches.ts';
import { jobCalls } from './jobs.ts';
import { knativeImages } from './knative-images.ts';
import { nodeCalls } from './nodes.ts';
import { logUnreadable } from './objects.ts';
import { knownUses, livePulls } from './other-caches.ts';
import { workloadCalls } from './workloads.ts';

/** Everything that functions read and write in the cluster. Every call throws `ApiError` if the API server refuses. */
export type Cluster = ReturnType<typeof createCluster>;

/**
 * A cluster over a connection to the API server. With `namespaces`, caches in other namespaces count as absent. `installNamespace`
 * tells installations apart that write the same caches.
 */
export function createCluster(
  api: Api,
  namespaces: Namespaces = [],
  log?: Pick<Logger, 'warn'>,
  installNamespace = '',
) {
  const onUnreadable = logUnreadable(log);
  const caches = cacheCalls(api, namespaces, installNamespace);
  return {
    ...caches,
    ...nodeCalls(api, onUnreadable),
    ...jobCalls(api, namespaces, onUnreadable),
    ...workloadCalls(api),
    livePulls: livePulls(api, namespaces),
    knownUses: knownUses(caches.caches),
    knative: knativeImages(api, namespaces, log),
  };
}
