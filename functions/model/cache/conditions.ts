import type { Condition } from './image-cache.ts';

/** Status and reason of a condition. */
export type Verdict = readonly [status: Condition['status'], reason: string];

type Inputs = {
  /** The conditions before this change. */
  readonly conditions: readonly Condition[];
  readonly generation: number;
  readonly message: string;
  /** Epoch milliseconds. */
  readonly now: number;
};

/** The conditions that every observed cache has. */
type StandingCondition = Exclude<Condition['type'], 'Failing'>;

/** Reason of the condition Stalled of a cache that is refused because it exceeds a limit. */
export const limitExceeded = 'LimitExceeded' as const;

/** The message of a cache that is refused because it exceeds a limit; undefined if it is not. */
export const refusedMessage = (status: Conditions): string | undefined => refusedCondition(status)?.message;

/** The generation of the spec that was refused. */
export const refusedGeneration = (status: Conditions): number | undefined =>
  refusedCondition(status)?.observedGeneration;

type Conditions = { readonly conditions: readonly Condition[] };

const refusedCondition = ({ conditions }: Conditions): Condition | undefined =>
  conditions.find(({ type, reason }) => type === 'Stalled' && reason === limitExceeded);

const notYetPulled: Verdict = ['Unknown', 'NotYetPulled'];

/**
 * The conditions with these verdicts; a type without one stays unchanged. Reconciling and Stalled follow kstatus. Each has
 * its own observedGeneration, by which `kubectl wait` recognises a stale condition.
 */
export function conditionsOf(
  verdicts: Readonly<Partial<Record<StandingCondition, Verdict>>>,
  inputs: Inputs,
): readonly Condition[] {
  const types = ['Ready', 'Reconciling', 'Stalled'] as const;
  return types.map((type) => {
    const previous = inputs.conditions.find((condition) => condition.type === type);
    const next = verdicts[type];
    if (next === undefined && previous !== undefined) return previous;
    const [status, reason] = next ?? notYetPulled;
    return {
      ...{ type, status, reason },
      message: status === 'False' && type !== 'Ready' ? '' : inputs.message,
      observedGeneration: inputs.generation,
      lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : inputs.now,
    };
  });
}

/**
 * The condition Failing: True since a pull failed, until no node fails any more. A refresh that tries again what failed does
 * not interrupt it, a new generation of the spec does. It is absent while no node fails.
 */
export function failingCondition(
  reason: string | undefined,
  isTryingAgain: boolean,
  { conditions, generation, message, now }: Inputs,
): readonly Condition[] {
  const previous = conditions.find(({ type }) => type === 'Failing');
  const isStillFailing = isTryingAgain && previous?.observedGeneration === generation;
  if (reason === undefined) return isStillFailing ? [previous] : [];
  const since = { observedGeneration: generation, lastTransitionTime: previous?.lastTransitionTime ?? now };
  return [{ type: 'Failing', status: 'True', reason, message, ...since }];
}
