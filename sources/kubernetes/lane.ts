import type { Cancel } from '../clock.ts';
import { createPendingChanges, type PendingChanges } from './pending-changes.ts';

/** In the order in which they are delivered: what the cache wants, then where, then how it goes. */
const changeClasses = ['cache', 'nodes', 'work', 'removal'] as const;
export type ChangeClass = (typeof changeClasses)[number];

/** What waits of one class; each waits out its own failures, as other functions may be well. */
export type Slot = {
  readonly waiting: PendingChanges;
  /** When the oldest change that waits came; epoch milliseconds, as `notBefore`. */
  since: number;
  failures: number;
  notBefore: number;
};

/** The queue of one cache. */
export type Lane = {
  readonly key: string;
  readonly slots: Readonly<Record<ChangeClass, Slot>>;
  isBusy: boolean;
  wake: Cancel | undefined;
};

export function createLane(key: string): Lane {
  const slot = (): Slot => ({ waiting: createPendingChanges(), since: 0, failures: 0, notBefore: 0 });
  const slots = { cache: slot(), nodes: slot(), work: slot(), removal: slot() };
  return { key, slots, isBusy: false, wake: undefined };
}

/** The first class that has something to tell and may tell it now. */
export function nextClass({ slots }: Lane, now: number): ChangeClass | undefined {
  return changeClasses.find((of) => !slots[of].waiting.isEmpty() && slots[of].notBefore <= now);
}

export const isIdle = ({ slots }: Lane): boolean => changeClasses.every((of) => slots[of].waiting.isEmpty());

/** When the first of the waiting classes may be told; epoch milliseconds. */
export function wakeTime({ slots }: Lane): number {
  const waiting = changeClasses.filter((of) => !slots[of].waiting.isEmpty());
  return Math.min(...waiting.map((of) => slots[of].notBefore));
}
