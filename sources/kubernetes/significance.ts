import { createHash } from 'node:crypto';
import { annotations, group, imageCacheKind, jobAnnotations, labels } from '#model/cache/api.ts';
import { at, listAt, numberAt, textAt } from './json.ts';

/** What is kept of every kind: a print that differs exactly when a function could decide otherwise; '' tells nothing yet. */
export type Projection = { readonly fingerprint: string };

export type CacheProjection = Projection & {
  readonly generation: number | undefined;
  /** A print of what is to be removed from nodes: one function asks for it, another does it, and the status is how they meet. */
  readonly removals: string;
  /** So large that each write of its status costs the API server dearly: Jobs and Pods are told of more seldom. */
  readonly large: boolean;
};

export type JobProjection = Projection & {
  /** Key ("namespace/name") of the owning cache, as far as the Job tells. */
  readonly cache: string | undefined;
  readonly finished: boolean;
  readonly isRemoval: boolean;
};

export type PodProjection = Projection & {
  readonly cache: string | undefined;
  /** Key ("namespace/name") of the Job that made the Pod. */
  readonly job: string | undefined;
  readonly isRemoval: boolean;
};

export type NodeProjection = Projection & { readonly isReady: boolean };

/** Bytes of JSON above which a cache counts as large. */
const largeCache = 100_000;

/** Whether a function needs to hear of it; `undefined` stands for an object that is not there. */
export function isSignificant(previous: Projection | undefined, current: Projection | undefined): boolean {
  if (current === undefined) return true;
  if (previous === undefined) return current.fingerprint !== '';
  return previous.fingerprint !== current.fingerprint;
}

/** A cache's status is written by the functions themselves, so but for removals, and the end of a round that a refresh waits for, it never wakes them. */
export function projectCache(cache: unknown): CacheProjection {
  const generation = numberAt(cache, 'metadata', 'generation');
  const triggers = Object.values(annotations).map((name) => at(cache, 'metadata', 'annotations', name));
  return {
    fingerprint: fingerprint([
      generation,
      textAt(cache, 'metadata', 'deletionTimestamp'),
      triggers,
      isProcessing(cache) && asksForRefresh(cache),
    ]),
    generation,
    removals: removalsOf(cache),
    large: JSON.stringify(cache).length > largeCache,
  };
}

const isProcessing = (cache: unknown): boolean => textAt(cache, 'status', 'status') === 'Processing';

/** Whether another refresh is asked for than the one whose round is open. */
function asksForRefresh(cache: unknown): boolean {
  const asked = textAt(cache, 'metadata', 'annotations', annotations.refresh);
  const isServed = textAt(cache, 'status', 'round', 'requestedBy', 'annotation') === annotations.refresh;
  const token = textAt(cache, 'metadata', 'annotations', annotations.refreshRequestedAt) ?? '';
  return (
    (asked !== undefined && !isServed) || (token !== '' && token !== textAt(cache, 'status', 'lastHandledRefreshAt'))
  );
}

/** Which nodes wait for a removal, or have come to its end, and whether their own pulls are out of the way. */
function removalsOf(cache: unknown): string {
  const removals = Object.entries(at(cache, 'status', 'removals') ?? {});
  if (removals.length === 0) return '';
  const told = removals.map(([name, removal]) => {
    const pull = textAt(cache, 'status', 'nodes', name, 'state') ?? '';
    return [name, textAt(removal, 'state'), textAt(removal, 'imagesHash'), ['Pending', 'Pulling'].includes(pull)];
  });
  return fingerprint(told);
}

const isRemoval = (object: unknown): boolean => at(object, 'metadata', 'labels', labels.removal) === 'true';

const finishedConditions: readonly unknown[] = ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'];

/** A Job matters when it comes, ends and goes; that it merely started is told by nobody. */
export function projectJob(job: unknown): JobProjection {
  const ended = trueConditions(job).filter((type) => finishedConditions.includes(type));
  return {
    fingerprint: fingerprint(ended.toSorted()),
    cache: annotatedCache(job) ?? controllingCache(job),
    finished: ended.length > 0,
    isRemoval: isRemoval(job),
  };
}

/** A Pod matters when a container has a result, when all is over, and when it goes. */
export function projectPod(pod: unknown): PodProjection {
  const results = ['initContainerStatuses', 'containerStatuses']
    .flatMap((field) => listAt(pod, 'status', field))
    .flatMap(resultOf);
  const phase = textAt(pod, 'status', 'phase');
  const over = phase === 'Succeeded' || phase === 'Failed' ? [phase] : [];
  const going = textAt(pod, 'metadata', 'deletionTimestamp') === undefined ? [] : ['going'];
  const told = [...results.toSorted(), ...over, ...going];
  return {
    fingerprint: told.length === 0 ? '' : fingerprint(told),
    cache: annotatedCache(pod),
    job: jobOf(pod),
    isRemoval: isRemoval(pod),
  };
}

const identifying = ['machineID', 'systemUUID', 'kubeletVersion', 'containerRuntimeVersion', 'operatingSystem'];

/** A Node matters when a cache might now want something else of it; heartbeats and image lists never do. */
export function projectNode(node: unknown): NodeProjection {
  const taints = listAt(node, 'spec', 'taints')
    .filter((taint) => at(taint, 'effect') !== 'PreferNoSchedule')
    .map((taint) => JSON.stringify(['key', 'value', 'effect'].map((field) => textAt(taint, field) ?? '')));
  const ready = conditionStatus(node, 'Ready');
  return {
    isReady: ready === 'True',
    fingerprint: fingerprint([
      ready,
      conditionStatus(node, 'DiskPressure'),
      at(node, 'spec', 'unschedulable') === true,
      taints.toSorted(),
      textAt(node, 'metadata', 'deletionTimestamp'),
      identifying.map((field) => at(node, 'status', 'nodeInfo', field)),
      Object.entries(at(node, 'metadata', 'labels') ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)),
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

/** The kubelet's own limit on pulls: it says nothing of the image, and what it hides must be told when it comes. */
const throttled = 'pull QPS exceeded';

/** `namespace/name`, as our own Jobs and Pods carry it. */
function annotatedCache(object: unknown): string | undefined {
  const told = textAt(object, 'metadata', 'annotations', jobAnnotations.cache);
  return told !== undefined && /^[^/]+\/[^/]+$/.test(told) ? told : undefined;
}

function controllingCache(object: unknown): string | undefined {
  const owner = controllerOf(object, imageCacheKind);
  return textAt(owner, 'apiVersion')?.startsWith(`${group}/`) === true ? keyBeside(object, owner) : undefined;
}

/** By owner, as both `job-name` labels may be cut or missing on what kube-fledged left behind. */
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

/** Short whatever goes in: labels of 5,000 nodes would otherwise take 10 MB. */
const fingerprint = (told: unknown): string =>
  createHash('sha256').update(JSON.stringify(told)).digest('base64url').slice(0, 16);
