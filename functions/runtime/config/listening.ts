import type { Config } from './config.ts';

export type Listening = {
  /** Undefined: all addresses. */
  readonly host: string | undefined;
  readonly allowedHosts: readonly string[];
};

/** Where a process listens: outside of a Pod only to its own machine, unless an address is set. */
export function listening({ listenAddress, inCluster, allowedHosts }: Config): Listening {
  const own = inCluster ? undefined : '127.0.0.1';
  return { host: listenAddress === '' ? own : listenAddress, allowedHosts };
}
