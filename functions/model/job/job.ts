import type { HeldImages } from './pod.ts';

/** A parsed pull or removal Job. Times are epoch milliseconds. */
export type Job = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly cacheUid: string;
  readonly nodeId: string;
  /** Number of the round that created it. */
  readonly round: number;
  /** Number of the attempt of its node. */
  readonly attempt: number;
  readonly holds: HeldImages;
  readonly isBeingDeleted: boolean;
  /** Whether it is a removal Job; otherwise it pulls. */
  readonly isRemoval: boolean;
  /** References to remove; empty on pull Jobs. */
  readonly removes: readonly string[];
  readonly createdAt: number;
  /** undefined if only its metadata was read. */
  readonly outcome: 'Complete' | 'Failed' | 'None' | undefined;
  /** undefined while it has not ended, or if only its metadata was read. */
  readonly endedAt: number | undefined;
  /** Whether its status counts a Pod, which may be deleted by now; undefined if only its metadata was read. */
  readonly hasPods: boolean | undefined;
  /** Message of its latest FailedCreate Event, which says why it has no Pod; '' if there is none. */
  readonly podRefused: string;
};
