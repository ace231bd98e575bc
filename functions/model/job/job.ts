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
  /** References that it removes, without those that it keeps; empty on pull Jobs. */
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

/** Whether the Job controller counts it as ended. */
export const isJobEnded = ({ outcome }: Job): boolean => outcome === 'Complete' || outcome === 'Failed';

/** The images that a Job pulls: indexes into the desired images with this hash. */
export type HeldImages = { readonly desiredHash: string; readonly indexes: readonly number[] };

/** A parsed Pod of a pull or removal Job. Times are epoch milliseconds. */
export type Pod = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly jobName: string;
  readonly jobUid: string;
  readonly cacheUid: string;
  readonly nodeId: string;
  readonly round: number;
  /** Number of the attempt of its node. */
  readonly attempt: number;
  readonly holds: HeldImages;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly isBeingDeleted: boolean;
  /** It has the condition DisruptionTarget: evicted, preempted, or its node shut down. */
  readonly isDisrupted: boolean;
  /** How its spec, as stored by the API server, accesses the images. */
  readonly imageAccess: ImageAccess;
  /** Its spec names pull secrets: those of the cache, or those that admission added from its service account. */
  readonly hasPullSecrets: boolean;
  /** Message of the scheduler while the Pod cannot be scheduled; '' otherwise. */
  readonly unschedulable: string;
  readonly createdAt: number;
  /** When the kubelet accepted it; undefined before. */
  readonly startedAt: number | undefined;
  /** The init container that copies the no-op; undefined before its status is reported, or if there is none. */
  readonly helper: ContainerStatus | undefined;
  readonly containers: readonly ContainerStatus[];
};

/**
 * `mounting`: images are mounted as volumes; `copying`: containers of the images run a copied no-op. `neither`: the API
 * server does not support image volumes and stored empty ones, so that the Pod pulls no image.
 */
export type ImageAccess = 'mounting' | 'copying' | 'neither';

export type ContainerStatus = {
  readonly name: string;
  /** The image that it pulls or mounts by the spec of its Pod, which others may have changed; '' if it names none. */
  readonly reference: string;
  /** Digest reported by the runtime, as `repository@sha256:…`; '' until the image is pulled. */
  readonly imageId: string;
  readonly state: 'waiting' | 'running' | 'terminated';
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number;
};

/** Reasons of a container whose Pod has not begun to pull. */
const notStarted: ReadonlySet<string> = new Set(['', 'ContainerCreating', 'PodInitializing']);

/** Whether the container waits for an image that could not be pulled: the kubelet tries again, ever more rarely. */
export const isFailingToPull = ({ state, reason }: ContainerStatus): boolean =>
  state === 'waiting' && !notStarted.has(reason);

/** A Job and its Pod as far as they were read. */
export type JobView = { readonly job: Job | undefined; readonly pod: Pod | undefined };
