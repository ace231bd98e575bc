import type { ContainerStatus, Pod } from '#model/job/pod.ts';
import { containerName } from '#model/job/pull-container.ts';
import type { Cause } from '#model/cache/failures.ts';

/** The image in question, and the one whose program the Pod runs. */
export type Images = { readonly image: string; readonly helperImage: string };

/** What a Pod tells of one image; nothing, where it tells nothing. */
export type Outcome =
  | { readonly type: 'present'; readonly digest: string }
  | { readonly type: 'failed'; readonly cause: Cause; readonly isFinal: boolean; readonly isVague: boolean }
  | { readonly type: 'unmountable' };

export const isConclusive = (outcome: Outcome): boolean =>
  outcome.type === 'present' || (outcome.type === 'failed' && outcome.isFinal);

export const failed = (cause: Cause, isVague = false): Outcome => ({ type: 'failed', cause, isFinal: true, isVague });

export function outcomeOf(pod: Pod, index: number, { image, helperImage }: Images): Outcome | undefined {
  if (pod.imageAccess === 'neither') return { type: 'unmountable' };
  if (pod.helper !== undefined && isFailing(pod.helper) && !wasKilled(pod.helper, pod))
    return helperOutcome(pod.helper, helperImage);
  const container = pod.containers.find(({ name }) => name === containerName(index));
  if (container === undefined) return pod.phase === 'Succeeded' ? { type: 'present', digest: '' } : undefined;
  return pod.imageAccess === 'mounting'
    ? mountedOutcome(container, { image, helperImage })
    : startedOutcome(container, image);
}

/** The image was to be started: it is there as soon as the runtime has an id for it. */
function startedOutcome(container: ContainerStatus, image: string): Outcome | undefined {
  const isThere = container.imageId !== '' || wasStarted(container) || afterPull.has(container.reason);
  return isThere ? { type: 'present', digest: digestOf(container.imageId) } : waitingOutcome(container, image);
}

/** The image was to be mounted: the container's own image is the no-op's, and tells nothing but its own trouble. */
function mountedOutcome(container: ContainerStatus, { image, helperImage }: Images): Outcome | undefined {
  if (container.message.includes('ImageVolumeMountFailed')) return { type: 'unmountable' };
  if (wasStarted(container) || afterPull.has(container.reason)) return { type: 'present', digest: '' };
  const isHelper = isFailing(container) && container.message.includes(helperImage);
  return isHelper ? helperOutcome(container, helperImage) : waitingOutcome(container, image);
}

/** A helper image that cannot be had is reported as itself, never as the user's image. */
function helperOutcome(helper: ContainerStatus, helperImage: string): Outcome {
  const message = `the helper image ${helperImage} does not run: ${helper.message || helper.reason}`;
  const isFinal = helper.state === 'terminated' || isPermanent(helper, helperImage);
  return { type: 'failed', cause: { reason: 'HelperImageFailed', message }, isFinal, isVague: false };
}

function waitingOutcome(container: ContainerStatus, image: string): Outcome | undefined {
  if (container.state !== 'waiting' || notYet.has(container.reason) || isThrottled(container)) return undefined;
  const cause = { reason: container.reason, message: container.message };
  return { type: 'failed', cause, isFinal: isPermanent(container, image), isVague: false };
}

const notYet: ReadonlySet<string> = new Set(['', 'ContainerCreating', 'PodInitializing']);

/** Troubles of a container whose image has been pulled. */
const afterPull: ReadonlySet<string> = new Set([
  'CreateContainerError',
  'CreateContainerConfigError',
  'RunContainerError',
  'CrashLoopBackOff',
]);

/** A kubelet that lost sight of a container says so in these words: no evidence of anything. */
const wasStarted = ({ state, reason }: ContainerStatus): boolean =>
  state === 'running' || (state === 'terminated' && reason !== 'ContainerStatusUnknown');

const isFailing = ({ state, reason, exitCode }: ContainerStatus): boolean =>
  state === 'waiting' ? !notYet.has(reason) : state === 'terminated' && exitCode !== 0;

/** A helper that ended because its Pod is taken away is no evidence against its image. */
const wasKilled = ({ state, reason }: ContainerStatus, pod: Pod): boolean =>
  state === 'terminated' && (reason === 'ContainerStatusUnknown' || pod.isDisrupted || pod.isBeingDeleted);

/** The kubelet's own limit on pulls, not the registry's: it goes on by itself. */
const isThrottled = ({ message }: ContainerStatus): boolean => message.includes('pull QPS exceeded');

/** Trouble that waiting does not mend: the reference, its absence, a refusal. The image's own name is no evidence. */
function isPermanent({ reason, message }: ContainerStatus, image: string): boolean {
  const isNamed = ['InvalidImageName', 'ErrImageNeverPull', 'SignatureValidationFailed'].includes(reason);
  return isNamed || permanent.test(message.replaceAll(image, ''));
}
const permanent =
  /not found|manifest unknown|no match for platform|no matching manifest|unauthori[sz]ed|authorization failed|access denied|denied:|authentication required|forbidden|invalid reference/i;

const digestOf = (imageId: string): string => /@(sha256:[0-9a-f]{64})$/.exec(imageId)?.[1] ?? '';
