import type { Condition } from './image-cache.ts';

/** The state of a cache that its conditions are derived from. */
export type Phase = 'open' | 'succeeded' | 'failed' | 'noNodes' | 'purged' | 'purgeFailed' | 'suspended' | 'quiet';

type StatusAndReason = readonly [status: Condition['status'], reason: string];

/**
 * Ready is the result of the last round and does not change while another one is in progress; Reconciling and Stalled
 * follow kstatus. Each has its own observedGeneration, by which `kubectl wait` recognises a stale condition.
 */
const table: Readonly<Record<Phase, Readonly<Partial<Record<Condition['type'], StatusAndReason>>>>> = {
  open: { Reconciling: ['True', 'RoundOpen'], Stalled: ['False', 'Ok'] },
  succeeded: {
    Ready: ['True', 'AllImagesPresent'],
    Reconciling: ['False', 'RoundCompleted'],
    Stalled: ['False', 'Ok'],
  },
  noNodes: { Ready: ['True', 'NoMatchingNodes'], Reconciling: ['False', 'RoundCompleted'], Stalled: ['False', 'Ok'] },
  failed: { Ready: ['False', 'PullFailed'], Reconciling: ['False', 'RoundCompleted'], Stalled: ['True', 'PullFailed'] },
  purged: { Ready: ['False', 'Purged'], Reconciling: ['False', 'RoundCompleted'], Stalled: ['False', 'Ok'] },
  purgeFailed: {
    Ready: ['False', 'Purged'],
    Reconciling: ['False', 'RoundCompleted'],
    Stalled: ['True', 'RemovalFailed'],
  },
  quiet: { Reconciling: ['False', 'RoundCompleted'] },
  suspended: { Reconciling: ['False', 'Suspended'], Stalled: ['False', 'Ok'] },
};

const notYetPulled: StatusAndReason = ['Unknown', 'NotYetPulled'];

type Inputs = {
  /** The conditions before this change. */
  readonly conditions: readonly Condition[];
  readonly generation: number;
  readonly message: string;
  /** Epoch milliseconds. */
  readonly now: number;
};

/** The conditions of a cache in this phase. Types that the phase does not set stay unchanged. */
export function conditionsOf(phase: Phase, inputs: Inputs): readonly Condition[] {
  const types = ['Ready', 'Reconciling', 'Stalled'] as const;
  return types.map((type) => {
    const previous = inputs.conditions.find((condition) => condition.type === type);
    const next = table[phase][type];
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
