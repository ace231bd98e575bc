import { at, isObject, numberAt, textAt, type Json } from '../kubernetes/json.ts';

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

export function parseLease(object: unknown): Lease {
  return {
    object: isObject(object) ? object : {},
    holder: textAt(object, 'spec', 'holderIdentity') ?? '',
    duration: (numberAt(object, 'spec', 'leaseDurationSeconds') ?? 0) * 1000,
    renewTime: textAt(object, 'spec', 'renewTime') ?? '',
  };
}

export type Claim = { readonly identity: string; readonly duration: number; readonly now: number };

/** The Lease that is created if there is none. */
export function newLease(namespace: string, name: string, claim: Claim): Json {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name },
    spec: { ...claimed(claim), acquireTime: microTime(claim.now), leaseTransitions: 0 },
  };
}

/** The same Lease held by the claimant; it keeps its resourceVersion, so that a concurrent write is a conflict. */
export function heldBy({ object, holder }: Lease, claim: Claim): Json {
  const spec = at(object, 'spec');
  const transitions = numberAt(spec, 'leaseTransitions') ?? 0;
  const change =
    holder === claim.identity ? {} : { acquireTime: microTime(claim.now), leaseTransitions: transitions + 1 };
  return { ...object, spec: { ...(isObject(spec) ? spec : {}), ...claimed(claim), ...change } };
}

/** The same Lease without a holder. */
export function released({ object }: Lease, now: number): Json {
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
