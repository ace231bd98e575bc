import type { Cancel } from '../clock.ts';
import { createPendingChanges, type PendingChanges } from './pending-changes.ts';

/** In the order of delivery: the cache itself, its nodes, then Jobs and Pods that pull, then those that remove. */
const changeClasses = ['cache', 'nodes', 'work', 'removal'] as const;
export type ChangeClass = (typeof changeClasses)[number];

/** Pending changes of one class; each has its own backoff, as other functions may be available. */
export type Slot = {
  readonly pending: PendingChanges;
  /** When the oldest pending change was added; epoch milliseconds, as `notBefore`. */
  since: number;
  failures: number;
  notBefore: number;
  /** How many deliveries there were since then; epoch milliseconds. */
  burst: { readonly since: number; readonly deliveries: number };
};

/** The queue of one cache: one delivery in flight at a time. */
export type Lane = {
  readonly key: string;
  readonly slots: Readonly<Record<ChangeClass, Slot>>;
  isBusy: boolean;
  wake: Cancel | undefined;
};

export function createLane(key: string): Lane {
  const slot = (): Slot => ({
    pending: createPendingChanges(),
    since: 0,
    failures: 0,
    notBefore: 0,
    burst: { since: 0, deliveries: 0 },
  });
  const slots = { cache: slot(), nodes: slot(), work: slot(), removal: slot() };
  return { key, slots, isBusy: false, wake: undefined };
}

/** The first class with pending changes that may be delivered now. */
export function nextClass({ slots }: Lane, now: number): ChangeClass | undefined {
  return changeClasses.find((of) => !slots[of].pending.isEmpty() && slots[of].notBefore <= now);
}

export const isIdle = ({ slots }: Lane): boolean => changeClasses.every((of) => slots[of].pending.isEmpty());

/** When the first class with pending changes may be delivered; epoch milliseconds. */
export function wakeTime({ slots }: Lane): number {
  const pending = changeClasses.filter((of) => !slots[of].pending.isEmpty());
  return Math.min(...pending.map((of) => slots[of].notBefore));
}
