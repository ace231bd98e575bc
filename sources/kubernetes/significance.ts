import { createHash } from 'node:crypto';
import { annotations, group, imageCacheKind, jobAnnotations, labels } from '#model/cache/api.ts';
import { type ListedNames, listedNames } from './listed-names.ts';
import { type NodeLabels, nodeLabels } from './node-labels.ts';
import { at, listAt, numberAt, textAt } from './json.ts';

/** Kept of every kind: a fingerprint that differs exactly when a function could decide differently; '' carries no news yet. */
export type Projection = { readonly fingerprint: string };

export type CacheProjection = Projection & {
  readonly generation: number | undefined;
  /** A fingerprint of the requested removals: one function requests them in the status, another carries them out. */
  readonly removals: string;
  /** When something is due that no other event reports, in epoch milliseconds; the earliest of them. */
  readonly due: readonly number[];
  /** Whether each status write is expensive for the API server: changes of Jobs and Pods are then delivered less often. */
  readonly large: boolean;
};

export type JobProjection = Projection & {
  /** Key ("namespace/name") of the owning cache, if the Job names it. */
  readonly cache: string | undefined;
  readonly finished: boolean;
  readonly isRemoval: boolean;
  /** The node that it is for, by name. */
  readonly node: string | undefined;
  /** Seconds after which its Pod must have started; undefined on removal Jobs. */
  readonly deadlineSeconds: number | undefined;
};

export type PodProjection = Projection & {
  readonly cache: string | undefined;
  /** Key ("namespace/name") of the Job that made the Pod. */
  readonly job: string | undefined;
  readonly isRemoval: boolean;
  /** The node that it is for, by name. */
  readonly node: string | undefined;
  readonly hasEnded: boolean;
  /** When a decision on its images is due, in epoch milliseconds; empty until it has started. */
  readonly deadlines: readonly number[];
};

export type NodeProjection = Projection & {
  readonly isReady: boolean;
  /** Not part of the fingerprint: a change concerns only the caches that depend on one of these labels. */
  readonly labels: NodeLabels;
  /** Not part of the fingerprint: what leaves it concerns only the caches that hold it there. */
  readonly listed: ListedNames;
};

/** Bytes of JSON above which a cache counts as large. */
const largeCache = 100_000;

/** Whether a function needs to know of the change; `undefined` is an object that does not exist. */
export function isSignificant(previous: Projection | undefined, current: Projection | undefined): boolean {
  if (current === undefined) return true;
  if (previous === undefined) return current.fingerprint !== '';
  return previous.fingerprint !== current.fingerprint;
}

/** Functions write the status themselves: only removals, and the end of a round that a refresh waits for, are significant. */
export function projectCache(cache: unknown): CacheProjection {
  const generation = numberAt(cache, 'metadata', 'generation');
  const triggers = Object.values(annotations).map((name) => at(cache, 'metadata', 'annotations', name));
  return {
    fingerprint: fingerprint([
      generation,
      textAt(cache, 'metadata', 'deletionTimestamp'),
      triggers,
      isProcessing(cache) && requestsRefresh(cache),
    ]),
    generation,
    removals: removalsOf(cache),
    due: dueTimes(cache),
    large: JSON.stringify(cache).length > largeCache,
  };
}

/** How many times of one cache are awaited: others follow with the write that the first of them causes. */
const maxDueTimes = 20;

/** When it refreshes, its next wave starts, nodes no longer wait for a registry, and failed removals are tried again. */
function dueTimes(cache: unknown): readonly number[] {
  const status = at(cache, 'status');
  const texts = [
    textAt(status, 'nextRefreshTime'),
    textAt(status, 'nextWaveTime'),
    ...Object.values(at(status, 'registries') ?? {}).map((use) => textAt(use, 'waitsUntil')),
    ...Object.values(at(status, 'removals') ?? {}).map((removal) => textAt(removal, 'retryTime')),
  ];
  const times = texts.map((text) => Date.parse(text ?? '')).filter((time) => !Number.isNaN(time));
  return [...new Set(times)].toSorted((a, b) => a - b).slice(0, maxDueTimes);
}

const isProcessing = (cache: unknown): boolean => textAt(cache, 'status', 'status') === 'Processing';

/** Whether a refresh is requested other than the one whose round is open. */
function requestsRefresh(cache: unknown): boolean {
  const requested = textAt(cache, 'metadata', 'annotations', annotations.refresh);
  const isServed = textAt(cache, 'status', 'round', 'requestedBy', 'annotation') === annotations.refresh;
  const token = textAt(cache, 'metadata', 'annotations', annotations.refreshRequestedAt) ?? '';
  return (
    (requested !== undefined && !isServed) ||
    (token !== '' && token !== textAt(cache, 'status', 'lastHandledRefreshAt'))
  );
}

/** The removal state of each node, and whether it has what it must have instead. */
function removalsOf(cache: unknown): string {
  const removals = Object.entries(at(cache, 'status', 'removals') ?? {});
  if (removals.length === 0) return '';
  const states = removals.map(([name, removal]) => {
    const pull = textAt(cache, 'status', 'nodes', name, 'state') ?? 'Ready';
    return [name, textAt(removal, 'state'), textAt(removal, 'imagesHash'), pull === 'Ready'];
  });
  return fingerprint(states);
}

const isRemoval = (object: unknown): boolean => at(object, 'metadata', 'labels', labels.removal) === 'true';

const finishedConditions: readonly unknown[] = ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'];

/** A Job is significant when it is added, finished or deleted, not when it starts. */
export function projectJob(job: unknown): JobProjection {
  const ended = trueConditions(job).filter((type) => finishedConditions.includes(type));
  return {
    fingerprint: fingerprint(ended.toSorted()),
    cache: annotatedCache(job) ?? controllingCache(job),
    finished: ended.length > 0,
    isRemoval: isRemoval(job),
    node: textAt(job, 'metadata', 'annotations', jobAnnotations.node),
    deadlineSeconds: deadlineSeconds(job),
  };
}

const deadlineSeconds = (object: unknown): number | undefined =>
  Number(textAt(object, 'metadata', 'annotations', jobAnnotations.deadline)) || undefined;

/** A Pod is significant when a container has a result, when it has finished, and when it is deleted. */
export function projectPod(pod: unknown): PodProjection {
  const results = ['initContainerStatuses', 'containerStatuses']
    .flatMap((field) => listAt(pod, 'status', field))
    .flatMap(resultOf);
  const phase = textAt(pod, 'status', 'phase');
  const finished = phase === 'Succeeded' || phase === 'Failed' ? [phase] : [];
  const deleting = textAt(pod, 'metadata', 'deletionTimestamp') === undefined ? [] : ['deleting'];
  const news = [...results.toSorted(), ...finished, ...deleting];
  return {
    fingerprint: news.length === 0 ? '' : fingerprint(news),
    cache: annotatedCache(pod),
    job: jobOf(pod),
    isRemoval: isRemoval(pod),
    node: textAt(pod, 'metadata', 'annotations', jobAnnotations.node),
    hasEnded: finished.length > 0,
    deadlines: deadlinesOf(pod),
  };
}

/** Images have a container each. Failing ones are given up after the deadline of one, silent ones tried singly after half of that of all. */
function deadlinesOf(pod: unknown): readonly number[] {
  const startedAt = Date.parse(textAt(pod, 'status', 'startTime') ?? '');
  const seconds = deadlineSeconds(pod);
  if (Number.isNaN(startedAt) || seconds === undefined) return [];
  const images = listAt(pod, 'spec', 'containers').length;
  return [...new Set([1, Math.max(1, images / 2), images])].map((count) => startedAt + count * seconds * 1000);
}

const identifying = ['machineID', 'systemUUID', 'kubeletVersion', 'containerRuntimeVersion', 'operatingSystem'];

/** A Node is significant when its desired images may change; heartbeats are not, nor are its labels and its list of images by themselves. */
export function projectNode(node: unknown): NodeProjection {
  const taints = listAt(node, 'spec', 'taints')
    .filter((taint) => at(taint, 'effect') !== 'PreferNoSchedule')
    .map((taint) => JSON.stringify(['key', 'value', 'effect'].map((field) => textAt(taint, field) ?? '')));
  const ready = conditionStatus(node, 'Ready');
  return {
    isReady: ready === 'True',
    labels: nodeLabels(node),
    listed: listedNames(node),
    fingerprint: fingerprint([
      ready,
      conditionStatus(node, 'DiskPressure'),
      at(node, 'spec', 'unschedulable') === true,
      taints.toSorted(),
      textAt(node, 'metadata', 'deletionTimestamp'),
      identifying.map((field) => at(node, 'status', 'nodeInfo', field)),
    ]),
  };
}

function resultOf(status: unknown): readonly string[] {
  const name = textAt(status, 'name') ?? '';
  if (at(status, 'state', 'terminated') !== undefined) return [`${name} terminated`];
  const reason = textAt(status, 'state', 'waiting', 'reason') ?? '';
  const message = textAt(status, 'state', 'waiting', 'message') ?? '';
  const isPending = ['', 'ContainerCreating', 'PodInitializing'].includes(reason) || message.includes(throttled);
  return isPending ? [] : [`${name} waiting`];
}

/** The kubelet's own limit on pulls: it is no result of the image, and the result that follows must differ from it. */
const throttled = 'pull QPS exceeded';

/** `namespace/name` from the annotation of our own Jobs and Pods. */
function annotatedCache(object: unknown): string | undefined {
  const key = textAt(object, 'metadata', 'annotations', jobAnnotations.cache);
  return key !== undefined && /^[^/]+\/[^/]+$/.test(key) ? key : undefined;
}

function controllingCache(object: unknown): string | undefined {
  const owner = controllerOf(object, imageCacheKind);
  return textAt(owner, 'apiVersion')?.startsWith(`${group}/`) === true ? keyBeside(object, owner) : undefined;
}

/** By owner, as both `job-name` labels may be truncated, or missing on Pods of kube-fledged. */
const jobOf = (pod: unknown): string | undefined => keyBeside(pod, controllerOf(pod, 'Job'));

const controllerOf = (object: unknown, kind: string): unknown =>
  listAt(object, 'metadata', 'ownerReferences').find(
    (owner) => at(owner, 'controller') === true && at(owner, 'kind') === kind,
  );

function keyBeside(object: unknown, owner: unknown): string | undefined {
  const name = textAt(owner, 'name');
  return name === undefined ? undefined : `${textAt(object, 'metadata', 'namespace') ?? ''}/${name}`;
}

const trueConditions = (object: unknown): readonly string[] =>
  listAt(object, 'status', 'conditions')
    .filter((condition) => at(condition, 'status') === 'True')
    .flatMap((condition) => textAt(condition, 'type') ?? []);

const conditionStatus = (object: unknown, type: string): string | undefined =>
  textAt(
    listAt(object, 'status', 'conditions').find((condition) => at(condition, 'type') === type),
    'status',
  );

/** Of constant length: labels of 5,000 nodes would otherwise take 10 MB. */
export const fingerprint = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);

/** Seconds from the start of a succeeded pull Pod to the end of its last container; undefined for any other Pod. */
export function pullSeconds(pod: unknown): number | undefined {
  const isRemoval = textAt(pod, 'metadata', 'labels', labels.removal) !== undefined;
  if (isRemoval || textAt(pod, 'status', 'phase') !== 'Succeeded') return undefined;
  const started = Date.parse(textAt(pod, 'status', 'startTime') ?? '');
  const ends = listAt(pod, 'status', 'containerStatuses').map((status) =>
    Date.parse(textAt(at(status, 'state', 'terminated'), 'finishedAt') ?? ''),
  );
  const seconds = (Math.max(...ends) - started) / 1000;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}
