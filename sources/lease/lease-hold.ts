import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import type { Clock } from '../clock.ts';
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
  const { clock, identity } = options;
  const state: State = { options, seen: undefined };
  return {
    take: (timeout) =>
      within(timeout, clock, (signal) => take(state, signal)).catch((error: unknown) => {
        failed(state, error);
        return false;
      }),
    isTaken: () => state.seen !== undefined && ![identity, ''].includes(state.seen.lease.holder),
    release: async (timeout) => {
      const lease = state.seen?.lease;
      state.seen = undefined;
      if (lease?.holder !== identity) return;
      const giving = (signal: AbortSignal) => send(options, 'PUT', { signal, body: given(lease, clock.now()) });
      await within(timeout, clock, giving).catch((error: unknown) => {
        failed(state, error);
      });
    },
  };
}

type State = {
  readonly options: HoldOptions;
  /** The Lease as last seen, and since when it has been like that; epoch milliseconds. */
  seen: { readonly lease: Lease; readonly since: number } | undefined;
};

async function take(state: State, signal: AbortSignal): Promise<boolean> {
  const { options } = state;
  const { namespace, name, identity, duration, clock } = options;
  const claim = { identity, duration, now: clock.now() };
  // Who holds it need not read it: a write that fails is the news that somebody else wrote.
  if (state.seen?.lease.holder !== identity) {
    const found = await send(options, 'GET', { signal }).catch(absent);
    const lease = found ?? (await send(options, 'POST', { signal, body: newLease(namespace, name, claim) }));
    observe(state, lease);
    if (found === undefined) return true;
  }
  if (state.seen === undefined || !isFree(state.seen, options)) return false;
  observe(state, await send(options, 'PUT', { signal, body: heldBy(state.seen.lease, claim) }));
  return true;
}

function observe(state: State, lease: Lease): void {
  const { seen } = state;
  const isSame = seen?.lease.holder === lease.holder && seen.lease.renewTime === lease.renewTime;
  state.seen = { lease, since: isSame ? seen.since : state.options.clock.now() };
}

const isFree = ({ lease, since }: { lease: Lease; since: number }, { identity, clock }: HoldOptions): boolean =>
  [identity, ''].includes(lease.holder) || clock.now() >= since + lease.duration;

/** Where somebody else wrote it, what we believed of it is worth nothing, and the next look tells. */
function failed(state: State, error: unknown): void {
  const { identity, log } = state.options;
  if (state.seen?.lease.holder === identity && (isConflict(error) || isNotFound(error))) state.seen = undefined;
  if (!isConflict(error)) log.warn({ err: error }, 'lease out of reach');
}

type Sent = { readonly signal: AbortSignal; readonly body?: unknown };

async function send({ api, namespace, name }: HoldOptions, method: 'GET' | 'POST' | 'PUT', sent: Sent): Promise<Lease> {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const path = method === 'POST' ? leases : `${leases}/${name}`;
  return parseLease(await api.request({ method, path, isUrgent: true, ...sent }));
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
