import { hostname } from 'node:os';
import type { Config } from '#runtime/config/config.ts';

/**
 * The Lease of a process, and the name under which it holds it.
 * In a pod the name stays over restarts of its container, which then goes on at once; elsewhere one machine may run several.
 */
export function leaseOf(
  { inCluster, leaseNamespace }: Pick<Config, 'inCluster' | 'leaseNamespace'>,
  ownNamespace: string,
): { readonly namespace: string; readonly identity: string } {
  const identity = inCluster ? hostname() : `${hostname()}-${process.pid}`;
  return { namespace: leaseNamespace === '' ? ownNamespace : leaseNamespace, identity };
}
