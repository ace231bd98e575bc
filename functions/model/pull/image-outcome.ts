import type { ContainerStatus, Pod } from '#model/job/job.ts';
import { containerName } from '#model/job/job-pod.ts';
import type { Cause } from '#model/cache/failures.ts';
import { registryName, registryOf, withoutReference } from '#model/text/image-reference.ts';

/** The image to evaluate, and the image whose no-op program the Pod runs. */
export type Images = {
  readonly image: string;
  readonly helperImage: string;
  /** The Pod has no credentials, and shows whether the kubelet lets it have the image. */
  readonly isOpening: boolean;
};

/** What a Pod reports on one image. */
export type Outcome =
  | { readonly type: 'present'; readonly digest: string }
  | { readonly type: 'failed'; readonly cause: Cause; readonly isFinal: boolean; readonly isInconclusive: boolean }
  | { readonly type: 'unmountable' };

export const isConclusive = (outcome: Outcome): boolean =>
  outcome.type === 'present' || (outcome.type === 'failed' && outcome.isFinal);

export const failed = (cause: Cause, isInconclusive = false): Outcome => ({
  type: 'failed',
  cause,
  isFinal: true,
  isInconclusive,
});

export function outcomeOf(pod: Pod, index: number, images: Images): Outcome | undefined {
  const { image, helperImage } = images;
  if (pod.imageAccess === 'neither') return { type: 'unmountable' };
  if (pod.helper !== undefined && isFailing(pod.helper) && !wasKilled(pod.helper, pod))
    return helperOutcome(pod.helper, helperImage);
  const container = pod.containers.find(({ name }) => name === containerName(index));
  if (container === undefined) return pod.phase === 'Succeeded' ? { type: 'present', digest: '' } : undefined;
  return pod.imageAccess === 'mounting' ? mountedOutcome(container, images) : startedOutcome(container, image);
}

/** A started image is present as soon as the runtime reports an id for it. */
function startedOutcome(container: ContainerStatus, image: string): Outcome | undefined {
  const isPresent = container.imageId !== '' || wasStarted(container) || afterPull.has(container.reason);
  return isPresent ? { type: 'present', digest: digestOf(container.imageId) } : waitingOutcome(container, image);
}

/** A mounted image is present once its container started; the container's own image is the no-op and reports only its own failures. */
function mountedOutcome(container: ContainerStatus, { image, helperImage, isOpening }: Images): Outcome | undefined {
  if (container.message.includes('ImageVolumeMountFailed')) return { type: 'unmountable' };
  if (wasStarted(container) || afterPull.has(container.reason)) return { type: 'present', digest: '' };
  const isHelper = isFailing(container) && container.message.includes(helperImage);
  // A kubelet asks for the container's own image only after it has allowed the mounted one.
  if (isHelper && isOpening && !image.includes(helperImage)) return { type: 'present', digest: '' };
  return isHelper ? helperOutcome(container, helperImage) : waitingOutcome(container, image);
}

/** A failure of the helper image is reported as such, never as a failure of the user's image. */
function helperOutcome(helper: ContainerStatus, helperImage: string): Outcome {
  const message = `the helper image ${helperImage} does not run: ${helper.message || helper.reason}`;
  const isFinal = helper.state === 'terminated' || isPermanent(helper, helperImage);
  return { type: 'failed', cause: { reason: 'HelperImageFailed', message }, isFinal, isInconclusive: false };
}

function waitingOutcome(container: ContainerStatus, image: string): Outcome | undefined {
  if (container.state !== 'waiting' || notStarted.has(container.reason) || isThrottled(container)) return undefined;
  const cause = causeOf(container);
  return { type: 'failed', cause, isFinal: isPermanent(container, image), isInconclusive: false };
}

/** The failure that a kubelet quotes while it backs off, so that the cause is the same on every node, in back-off or not. */
export function causeOf({ reason, message }: ContainerStatus): Cause {
  const [, quoted, why] = /^Back-off pulling image "[^"]*": (\w+): ([^]+)$/.exec(message) ?? [];
  return reason === 'ImagePullBackOff' && quoted !== undefined && why !== undefined
    ? { reason: quoted, message: why }
    : { reason, message };
}

const notStarted: ReadonlySet<string> = new Set(['', 'ContainerCreating', 'PodInitializing']);

/** Reasons of containers whose image has been pulled. */
const afterPull: ReadonlySet<string> = new Set([
  'CreateContainerError',
  'CreateContainerConfigError',
  'RunContainerError',
  'CrashLoopBackOff',
]);

/** ContainerStatusUnknown is what a kubelet reports of a container it lost track of: no evidence either way. */
const wasStarted = ({ state, reason }: ContainerStatus): boolean =>
  state === 'running' || (state === 'terminated' && reason !== 'ContainerStatusUnknown');

const isFailing = ({ state, reason, exitCode }: ContainerStatus): boolean =>
  state === 'waiting' ? !notStarted.has(reason) : state === 'terminated' && exitCode !== 0;

/** A helper that was killed with its Pod is no evidence against its image. */
const wasKilled = ({ state, reason }: ContainerStatus, pod: Pod): boolean =>
  state === 'terminated' && (reason === 'ContainerStatusUnknown' || pod.isDisrupted || pod.isBeingDeleted);

/** The kubelet's own limit on pulls, not the registry's: it retries by itself. */
const isThrottled = ({ message }: ContainerStatus): boolean => message.includes('pull QPS exceeded');

/** Whether a registry, or a kubelet that asked it, refuses the image to Pods without credentials. */
export const isDenied = ({ reason, message }: Cause, image: string): boolean =>
  ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull'].includes(reason) &&
  permanent.test(withoutReference(message, image));

/** Whether a kubelet reports that the registry does not have an image, rather than that it denies access. */
export const isNotFound = ({ reason, message }: Cause, image: string): boolean =>
  ['ErrImagePull', 'ImagePullBackOff'].includes(reason) &&
  notFound.test(withoutReference(message, image)) &&
  !mayBeHidden.test(withoutReference(message, image));

const notFound = /not found|manifest unknown|name unknown/i;
/** A failed login, a missing platform and a host that does not resolve do not show that the image is missing. */
const mayBeHidden = /authori[sz]|denied|token|login|platform|no such host|no matching manifest/i;

/**
 * Returns undefined unless a registry throttles the kubelet; `ms` is the delay in milliseconds that it asks for, if any. No
 * reference can match, as the words contain a space or follow one. Names of files in an image can match, and are quoted when
 * it is unpacked.
 */
export function throttledBy({ message }: Cause, image: string): { readonly ms: number | undefined } | undefined {
  const [text = ''] = withoutReference(message, image).split(unpacking);
  if (!/429 Too Many Requests|(?:^|\s)toomanyrequests: /i.test(text)) return undefined;
  const [, amount, unit = 's'] = /retry[- ]after:? ?(\d+(?:\.\d+)?) ?(ms|s|m|h)?\b/i.exec(text) ?? [];
  return { ms: amount === undefined ? undefined : Number(amount) * (milliseconds[unit.toLowerCase()] ?? 1000) };
}

/** Whether a message names a host that is not the image's registry: layers of an image can be at any URL, which its author chooses. */
export const namesOtherHost = ({ message }: Cause, image: string): boolean =>
  [...message.matchAll(hostOfUrl)].some(([, host = '']) => registryName(host) !== registryOf(image));

const hostOfUrl = /https?:\/\/([^\s/?#"']*)/gi;

/** Words of runtimes that precede the names of files. */
const unpacking = /(?:extract|apply|add)(?:ing)? layer|processing tar/i;

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Failures that waiting does not resolve: invalid reference, not found, access denied. The image's own name is ignored. */
function isPermanent({ reason, message }: ContainerStatus, image: string): boolean {
  const isNamed = ['InvalidImageName', 'ErrImageNeverPull', 'SignatureValidationFailed'].includes(reason);
  return isNamed || permanent.test(withoutReference(message, image));
}
const permanent =
  /not found|manifest unknown|no match for platform|no matching manifest|unauthori[sz]ed|authorization failed|access denied|denied:|authentication required|forbidden|invalid reference/i;

const digestOf = (imageId: string): string => /@(sha256:[0-9a-f]{64})$/.exec(imageId)?.[1] ?? '';
