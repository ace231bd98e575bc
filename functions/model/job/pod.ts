/** What a Job was made for: indexes into the sorted images of a want. */
export type HeldImages = { readonly desiredHash: string; readonly indexes: readonly number[] };

/** What functions look at in a Pod of theirs. Times are epoch milliseconds. */
export type Pod = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly jobName: string;
  readonly jobUid: string;
  readonly cacheUid: string;
  readonly nodeId: string;
  readonly round: number;
  readonly holds: HeldImages;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly isBeingDeleted: boolean;
  /** A DisruptionTarget condition: evicted, preempted, its node shut down. */
  readonly isDisrupted: boolean;
  /** How it gets at its images, by what the API server kept of it. */
  readonly way: PodWay;
  /** What the scheduler says while it finds no place; ''. */
  readonly unschedulable: string;
  readonly createdAt: number;
  /** When the kubelet took it on; undefined before. */
  readonly startedAt: number | undefined;
  readonly helper: ContainerStatus | undefined;
  readonly containers: readonly ContainerStatus[];
};

/**
 * Images are mounted as volumes, or started with a copied no-op. An API server that knows no image volumes stores empty ones in their place:
 * such a Pod touches no image.
 */
export type PodWay = 'mounting' | 'copying' | 'neither';

export type ContainerStatus = {
  readonly name: string;
  /** What the runtime made of the image: `repository@sha256:…`; '' until it is there. */
  readonly imageId: string;
  readonly state: 'waiting' | 'running' | 'terminated';
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number;
};

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
/** A Job as far as it was read: either half may be missing. */
export type JobView = { readonly job: Job | undefined; readonly pod: Pod | undefined };
/** How long the Job controller is given to make a Pod before its Events are believed. */
export const podGrace = 10_000;
