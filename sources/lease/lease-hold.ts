import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import type { Clock } from '../clock.ts';
import { at, isObject, numberAt, textAt, type Json } from '../kubernetes/json.ts';

export type HoldOptions = {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  /** Identity of this process; the same after a restart, so that it does not wait for itself. */
  readonly identity: string;
  /** Milliseconds after the last renewal until others may take the Lease. */
  readonly duration: number;
};

/** Access of this process to the Lease. */
export type Hold = {
  /** Acquires or renews the Lease; false if another process holds it, or on a failure or timeout. Never rejects. */
  readonly take: (timeout: number) => Promise<boolean>;
  /** Whether this process or another one leads, or may next: false while the Lease can be neither read nor written. */
  readonly canBeLed: () => boolean;
  /** Whether another process held it when it was last read. */
  readonly isTaken: () => boolean;
  /** Milliseconds until another process's Lease expires unless it is renewed; 0 if it has, or if that is not known. */
  readonly expiresIn: () => number;
  /** Releases the Lease if this process holds it. Never rejects: a Lease that cannot be released expires. */
  readonly release: (timeout: number) => Promise<void>;
};

/** As in client-go: optimistic locking by resourceVersion, and expiry by the local clock from the last observed change, as clocks may differ. */
export function createHold(options: HoldOptions): Hold {
  const { clock, identity } = options;
  const state: State = { options, seen: undefined, problem: undefined };
  const expiresIn = (): number =>
    state.seen === undefined ? 0 : Math.max(0, state.seen.since + options.duration - clock.now());
  return {
    take: async (timeout) => {
      try {
        const isTaken = await within(timeout, clock, (signal) => take(state, signal));
        state.problem = undefined;
        return isTaken;
      } catch (error) {
        failed(state, error);
        return false;
      }
    },
    canBeLed: () => state.problem === undefined || expiresIn() > 0,
    isTaken: () => state.seen !== undefined && ![identity, ''].includes(state.seen.lease.holder),
    expiresIn,
    release: async (timeout) => {
      const lease = state.seen?.lease;
      state.seen = undefined;
      if (lease?.holder !== identity) return;
      const put = (signal: AbortSignal) => send(options, 'PUT', { signal, body: released(lease, clock.now()) });
      await within(timeout, clock, put).catch((error: unknown) => {
        failed(state, error);
      });
    },
  };
}

type State = {
  readonly options: HoldOptions;
  /** The Lease as last observed, and when it last changed, in epoch milliseconds. */
  seen: { readonly lease: Lease; readonly since: number } | undefined;
  /** Why the Lease could not be read or written the last time; it is logged once. */
  problem: string | undefined;
};

async function take(state: State, signal: AbortSignal): Promise<boolean> {
  const { options } = state;
  const { namespace, name, identity, duration, clock } = options;
  const claim = { identity, duration, now: clock.now() };
  // The holder writes without reading first: a conflict shows that another process wrote.
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

/** After a conflict the Lease must be read again. Another failure is logged once, until it changes or the Lease can be written. */
function failed(state: State, error: unknown): void {
  const { identity, log, namespace, name } = state.options;
  if (state.seen?.lease.holder === identity && (isConflict(error) || isNotFound(error))) state.seen = undefined;
  if (isConflict(error)) return;
  const problem = error instanceof Error ? error.message : String(error);
  if (problem === state.problem) return;
  state.problem = problem;
  log.warn({ err: error, lease: `${namespace}/${name}` }, 'cannot read or write the Lease: this process cannot lead');
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

/** A Lease as stored, and the fields that are used. */
export type Lease = {
  readonly object: Json;
  /** '' if it is not held. */
  readonly holder: string;
  /** Milliseconds after the last renewal until others may take it. */
  readonly duration: number;
  /** Opaque: a change of it is a renewal. */
  readonly renewTime: string;
};

function parseLease(object: unknown): Lease {
  return {
    object: isObject(object) ? object : {},
    holder: textAt(object, 'spec', 'holderIdentity') ?? '',
    duration: (numberAt(object, 'spec', 'leaseDurationSeconds') ?? 0) * 1000,
    renewTime: textAt(object, 'spec', 'renewTime') ?? '',
  };
}

export type Claim = { readonly identity: string; readonly duration: number; readonly now: number };

/** The Lease that is created if there is none. */
function newLease(namespace: string, name: string, claim: Claim): Json {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name },
    spec: { ...claimed(claim), acquireTime: microTime(claim.now), leaseTransitions: 0 },
  };
}

/** The same Lease held by the claimant; it keeps its resourceVersion, so that a concurrent write is a conflict. */
function heldBy({ object, holder }: Lease, claim: Claim): Json {
  const spec = at(object, 'spec');
  const transitions = numberAt(spec, 'leaseTransitions') ?? 0;
  const change =
    holder === claim.identity ? {} : { acquireTime: microTime(claim.now), leaseTransitions: transitions + 1 };
  return { ...object, spec: { ...(isObject(spec) ? spec : {}), ...claimed(claim), ...change } };
}

/** The same Lease without a holder. */
function released({ object }: Lease, now: number): Json {
  const spec = at(object, 'spec');
  const free = { holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(now) };
  return { ...object, spec: { ...(isObject(spec) ? spec : {}), ...free } };
}

const claimed = ({ identity, duration, now }: Claim): Json => ({
  holderIdentity: identity,
  leaseDurationSeconds: Math.max(1, Math.round(duration / 1000)),
  renewTime: microTime(now),
});

/** Kubernetes' MicroTime has six digits. */
const microTime = (now: number): string => new Date(now).toISOString().replace('Z', '000Z');
