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
  readonly imageAccess: ImageAccess;
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
export type ImageAccess = 'mounting' | 'copying' | 'neither';

export type ContainerStatus = {
  readonly name: string;
  /** What the runtime made of the image: `repository@sha256:…`; '' until it is there. */
  readonly imageId: string;
  readonly state: 'waiting' | 'running' | 'terminated';
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number;
};
