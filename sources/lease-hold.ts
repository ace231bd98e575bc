import type { Logger } from 'pino';
import type { Api } from '#runtime/api-request.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import type { Clock } from './clock.ts';
import { given, heldBy, newLease, parseLease, type Lease } from './lease-object.ts';

export type HoldOptions = {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  /** Who this process is; the same after a restart, so that it need not wait for itself. */
  readonly identity: string;
  /** Milliseconds that others wait for us when we fall silent. */
  readonly duration: number;
};

/** This process's hand on the Lease. */
export type Hold = {
  /** Takes or renews; false when somebody else holds it, or when that could not be told in so many milliseconds. Never rejects. */
  readonly take: (timeout: number) => Promise<boolean>;
  /** Whether somebody else was last seen to hold it. */
  readonly isTaken: () => boolean;
  /** Lets go, if it is ours. Never rejects: a Lease that cannot be given back runs out. */
  readonly release: (timeout: number) => Promise<void>;
};

/** As client-go does it: optimistic lock by resourceVersion, and expiry by our own clock from when a change was seen, as others' clocks may be wrong. */
export function createHold(options: HoldOptions): Hold {
  const { clock, log, namespace, name, identity, duration } = options;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const send = async (method: 'GET' | 'POST' | 'PUT', signal: AbortSignal, body?: unknown): Promise<Lease> => {
    const call = { method, path: method === 'POST' ? path : `${path}/${name}`, signal };
    return parseLease(await options.api.request(body === undefined ? call : { ...call, body }));
  };
  const claim = () => ({ identity, duration, now: clock.now() });
  let seen: { readonly lease: Lease; readonly since: number } | undefined;

  const observe = (lease: Lease): void => {
    const isSame = seen?.lease.holder === lease.holder && seen.lease.renewTime === lease.renewTime;
    seen = { lease, since: isSame && seen !== undefined ? seen.since : clock.now() };
  };
  const isFree = (lease: Lease): boolean =>
    [identity, ''].includes(lease.holder) || clock.now() >= (seen?.since ?? clock.now()) + lease.duration;
  const take = async (signal: AbortSignal): Promise<boolean> => {
    if (seen?.lease.holder !== identity) {
      const found = await send('GET', signal).catch(absent);
      if (found === undefined) {
        observe(await send('POST', signal, newLease(namespace, name, claim())));
        return true;
      }
      observe(found);
    }
    if (seen === undefined || !isFree(seen.lease)) return false;
    observe(await send('PUT', signal, heldBy(seen.lease, claim())));
    return true;
  };
  /** Somebody else wrote it: what we believed of it is worth nothing, and the next look tells. */
  const failed = (error: unknown): false => {
    if (seen?.lease.holder === identity && (isConflict(error) || isNotFound(error))) seen = undefined;
    if (!isConflict(error)) log.warn({ err: error }, 'lease out of reach');
    return false;
  };
  return {
    take: (timeout) => within(timeout, clock, take).catch(failed),
    isTaken: () => seen !== undefined && ![identity, ''].includes(seen.lease.holder),
    release: async (timeout) => {
      const lease = seen?.lease;
      seen = undefined;
      if (lease?.holder !== identity) return;
      await within(timeout, clock, (signal) => send('PUT', signal, given(lease, clock.now()))).catch(failed);
    },
  };
}

function absent(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

async function within<T>(timeout: number, clock: Clock, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const cancel = clock.after(timeout, () => {
    limit.abort();
  });
  return await act(limit.signal).finally(cancel);
}
