import { hostname } from 'node:os';
import type { Config } from '#runtime/config/config.ts';

/**
 * The namespace of the Lease and the identity of this process.
 * In a Pod the identity is the same after a container restart, which then leads at once; elsewhere one machine may run several processes.
 */
export function leaseOf(
  { inCluster, leaseNamespace }: Pick<Config, 'inCluster' | 'leaseNamespace'>,
  ownNamespace: string,
): { readonly namespace: string; readonly identity: string } {
  const identity = inCluster ? hostname() : `${hostname()}-${process.pid}`;
  return { namespace: leaseNamespace === '' ? ownNamespace : leaseNamespace, identity };
}
