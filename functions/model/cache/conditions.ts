import type { Condition } from './image-cache.ts';

/** Where a cache stands, as far as its conditions tell. */
export type Phase = 'open' | 'succeeded' | 'failed' | 'noNodes' | 'purged' | 'purgeFailed' | 'suspended' | 'quiet';

type Told = readonly [Condition['status'], string];

/**
 * Ready tells of the last round that ended and so stays as it is while one is open; Reconciling and Stalled follow kstatus.
 * Each carries its own observedGeneration, by which `kubectl wait` knows that it is not of the generation before.
 */
const table: Readonly<Record<Phase, Readonly<Partial<Record<Condition['type'], Told>>>>> = {
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

const unknownReady: Told = ['Unknown', 'NotYetPulled'];

type Before = {
  readonly conditions: readonly Condition[];
  readonly generation: number;
  readonly message: string;
  readonly now: number;
};

/** The conditions of a cache in this phase, given those before. */
export function conditionsOf(phase: Phase, before: Before): readonly Condition[] {
  const types = ['Ready', 'Reconciling', 'Stalled'] as const;
  return types.map((type) => {
    const last = before.conditions.find((condition) => condition.type === type);
    const told = table[phase][type];
    if (told === undefined && last !== undefined) return last;
    return renewed(type, told ?? unknownReady, last, before);
  });
}

function renewed(
  type: Condition['type'],
  [status, reason]: Told,
  last: Condition | undefined,
  before: Before,
): Condition {
  const { generation, now } = before;
  const lastTransitionTime = last?.status === status ? last.lastTransitionTime : now;
  const message = status === 'False' && type !== 'Ready' ? '' : before.message;
  return { type, status, reason, message, observedGeneration: generation, lastTransitionTime };
}
