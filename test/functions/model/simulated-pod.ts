import { jobAnnotations, labels } from '#model/cache/api.ts';
import type { ContainerStatus, Pod, Job } from '#model/job/job.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import { completed, container, job, pod, waiting } from './builders.ts';

/**
 * The result of an image wherever it is pulled; it depends on nothing else, so that every run has the same end state. A
 * `denied` one is pulled only with credentials.
 */
export type ImageFate = 'comes' | 'denied' | 'missing' | 'throttled' | 'hangs';

export type Fates = {
  /** Images without an entry are pulled successfully. */
  readonly images: Readonly<Record<string, ImageFate>>;
  /** Nodes on which no image is pulled. */
  readonly brokenNodes?: ReadonlySet<string>;
  /** The Pods of this many first attempts on each node are evicted. */
  /** Jobs whose registry throttled them. */
  readonly throttledJobs?: ReadonlySet<string>;
  readonly evictions: number;
  readonly refusesMounts: boolean;
};

/** Created, its Pod started, and all results of its Pod reported. */
export type Stage = 'made' | 'started' | 'told';

/** A Job in the simulated cluster. */
export type SimulatedJob = {
  readonly manifest: PullJob;
  readonly name: string;
  readonly uid: string;
  readonly nodeId: string;
  readonly node: string;
  readonly round: number;
  readonly attempt: number;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly stage: Stage;
};

/** The Job that is created from a manifest. */
export function simulatedJob(manifest: PullJob, uid: string, now: number): SimulatedJob {
  const annotation = (key: string): string => manifest.metadata.annotations?.[key] ?? '';
  return {
    manifest,
    name: manifest.metadata.name,
    uid,
    nodeId: manifest.metadata.labels?.[labels.node] ?? '',
    node: annotation(jobAnnotations.node),
    round: Number(annotation(jobAnnotations.round)),
    attempt: Number(annotation(jobAnnotations.attempt)),
    createdAt: now,
    startedAt: now,
    stage: 'made',
  };
}

export const jobOf = ({ name, uid, nodeId, round, createdAt }: SimulatedJob): Job =>
  job({ name, uid, nodeId, round, createdAt, outcome: undefined });

/** The Pod of a Job in its current stage. */
export function podOf(simulated: SimulatedJob, fates: Fates): Pod | undefined {
  if (simulated.stage === 'made') return undefined;
  const { name, uid, nodeId, round, createdAt, startedAt } = simulated;
  const images = imagesOf(simulated.manifest);
  const isMounting = images.some((image) => image.isMounted);
  const started = pod({
    ...{ name: `${name}-abcde`, uid: `pod-of-${uid}`, jobName: name, jobUid: uid, nodeId, round, createdAt, startedAt },
    imageAccess: isMounting ? 'mounting' : 'copying',
    containers: images.map(({ index }) => container(index)),
  });
  if (simulated.stage === 'started') return started;
  if (simulated.attempt <= fates.evictions)
    return { ...started, phase: 'Failed', reason: 'Evicted', isDisrupted: true };
  if (isMounting && fates.refusesMounts) return { ...started, containers: images.map(({ index }) => refusal(index)) };
  const isOpening = simulated.manifest.spec?.template.spec?.imagePullSecrets?.[0]?.name === undefined;
  const told = images.map(({ index, reference }) => {
    const fate = fates.brokenNodes?.has(simulated.node) === true ? 'missing' : (fates.images[reference] ?? 'comes');
    return { index, fate: fate === 'denied' && !isOpening ? 'comes' : fate };
  });
  if (fates.throttledJobs?.has(name) === true)
    return { ...started, containers: images.map(({ index }) => waiting(index, 'ErrImagePull', tooMany)) };
  if (told.some(({ fate }) => fate === 'hangs')) return started;
  const phase = told.every(({ fate }) => fate === 'comes') ? 'Succeeded' : 'Pending';
  return { ...started, phase, containers: told.map(({ index, fate }) => toldOf(index, fate)) };
}

const tooMany = 'unexpected status from HEAD request: 429 Too Many Requests';

function toldOf(index: number, fate: ImageFate): ContainerStatus {
  if (fate === 'missing') return waiting(index, 'ErrImagePull', 'failed to resolve image: not found');
  if (fate === 'denied') return waiting(index, 'ErrImagePull', 'failed to authorize: 401 Unauthorized');
  return fate === 'throttled' ? waiting(index, 'ImagePullBackOff', '429 toomanyrequests') : completed(index);
}

const refusal = (index: number): ContainerStatus =>
  waiting(index, 'CreateContainerError', 'ImageVolumeMountFailed: not supported');

type PulledImage = { readonly index: number; readonly reference: string; readonly isMounted: boolean };

export function imagesOf({ spec }: PullJob): readonly PulledImage[] {
  const { containers = [], volumes = [] } = spec?.template.spec ?? {};
  return containers.map(({ name, image = '' }) => {
    const mounted = volumes.find((volume) => volume.name === name)?.image?.reference;
    return { index: Number(name.replace('image-', '')), reference: mounted ?? image, isMounted: mounted !== undefined };
  });
}
