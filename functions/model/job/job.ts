import type { HeldImages } from './pod.ts';

/** What functions look at in a Job of theirs. */
export type Job = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly cacheUid: string;
  readonly nodeId: string;
  readonly round: number;
  readonly holds: HeldImages;
  readonly isBeingDeleted: boolean;
  /** It removes images; all others pull. */
  readonly isRemoval: boolean;
  /** On removal Jobs: the references that are to go. */
  readonly removes: readonly string[];
  readonly createdAt: number;
  /** undefined where only its metadata was read. */
  readonly outcome: 'Complete' | 'Failed' | 'None' | undefined;
  /** Whether its status tells of a Pod, which may have gone since; undefined where only its metadata was read. */
  readonly hasPods: boolean | undefined;
  /** Why the Job controller cannot make its Pod: the text of its latest FailedCreate Event; '' if there is none. */
  readonly podRefused: string;
};
