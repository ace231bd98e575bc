import { type JsonObject, at, isObject, listAt, numberAt, objectAt, textAt, withAt } from '../json.ts';
import { type KubeObject, finalizersOf, isTerminating, nameOf, uidOf, wireTime } from '../api/kube-object.ts';
import { hasCondition } from '../api/kinds/job.ts';

export const jobFinalizer = 'batch.kubernetes.io/job-tracking' as const;

/** What a Job needs now. */
export type JobStep = {
  readonly status: JsonObject;
  /** How many pods to make. */
  readonly create: number;
  readonly remove: readonly KubeObject[];
  /** Pods that have been counted and need no longer be kept for it. */
  readonly release: readonly KubeObject[];
  readonly events: readonly JobEvent[];
  /** Milliseconds until the Job is reconciled again even without a change. */
  readonly again?: number;
  /** Whether its time to live is over. */
  readonly isExpired: boolean;
};

const phaseOf = (pod: KubeObject): string => textAt(pod, 'status', 'phase');
const isOver = (pod: KubeObject): boolean => ['Succeeded', 'Failed'].includes(phaseOf(pod));
const isTracked = (pod: KubeObject): boolean => finalizersOf(pod).includes(jobFinalizer);

const isRunningReady = (pod: KubeObject): boolean =>
  listAt(pod, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );

/** The pods of a Job by what they mean for it: each is counted once, when it is over and still tracked. */
const sortPods = (
  pods: readonly KubeObject[],
): Record<'active' | 'succeeded' | 'failed' | 'terminating', readonly KubeObject[]> => ({
  active: pods.filter((pod) => !isOver(pod) && !isTerminating(pod)),
  succeeded: pods.filter((pod) => phaseOf(pod) === 'Succeeded' && isTracked(pod)),
  failed: pods.filter((pod) => isTracked(pod) && (phaseOf(pod) === 'Failed' || (isTerminating(pod) && !isOver(pod)))),
  terminating: pods.filter((pod) => isTerminating(pod) && !isOver(pod)),
});

const reached = ['CompletionsReached', 'Reached expected number of succeeded pods'] as const;
const finished = (job: KubeObject, pods: readonly KubeObject[], now: number): JobStep => {
  const ttl = numberAt(job, 'spec', 'ttlSecondsAfterFinished');
  const ends = listAt(job, 'status', 'conditions').find((one) => ['Complete', 'Failed'].includes(textAt(one, 'type')));
  const left = ttl === undefined ? undefined : Date.parse(textAt(ends, 'lastTransitionTime')) + ttl * 1000 - now;
  return {
    status: objectAt(job, 'status'),
    create: 0,
    remove: [],
    release: pods.filter(isTracked),
    events: [],
    isExpired: left !== undefined && left <= 0,
    ...(left !== undefined && left > 0 ? { again: left } : {}),
  };
};

/** A Job in progress with its Pods. */
type Situation = {
  readonly job: KubeObject;
  readonly pods: readonly KubeObject[];
  readonly active: readonly KubeObject[];
  readonly release: readonly KubeObject[];
  readonly counts: Counts;
  readonly conditions: readonly unknown[];
  readonly start: string;
  readonly now: number;
};

const situationOf = (job: KubeObject, pods: readonly KubeObject[], now: number): Situation => {
  const { active, succeeded, failed, terminating } = sortPods(pods);
  return {
    job,
    pods,
    active,
    release: [...succeeded, ...failed],
    counts: {
      succeeded: (numberAt(job, 'status', 'succeeded') ?? 0) + succeeded.length,
      failed: (numberAt(job, 'status', 'failed') ?? 0) + failed.length,
      active: active.length,
      ready: active.filter(isRunningReady).length,
      terminating: terminating.length,
    },
    conditions: listAt(job, 'status', 'conditions'),
    start: textAt(job, 'status', 'startTime') || wireTime(now),
    now,
  };
};

/** Where a Job turns: its pods go, and it says what it is heading for. */
const turning = (situation: Situation, type: string, [reason, message]: readonly [string, string]): JobStep => {
  const { job, active, counts, conditions, start, now, release } = situation;
  const next = [...conditions, condition(type, reason, message, wireTime(now))];
  return {
    status: statusWith(job, { ...counts, active: 0, terminating: counts.terminating + active.length }, next, start),
    create: 0,
    remove: active,
    release,
    events: active.map((pod) => ({
      type: 'Normal',
      reason: 'SuccessfulDelete',
      message: `Deleted pod: ${nameOf(pod)}`,
    })),
    again: 0,
    isExpired: false,
  };
};

/** A Job that has turned: it is over when no pod of it is left. */
const closing = ({ job, active, counts, conditions, start, now, release }: Situation, target: JsonObject): JobStep => {
  const left = { ...counts, active: 0 };
  const base = { create: 0, remove: active, release, isExpired: false } as const;
  if (counts.active > 0 || counts.terminating > 0)
    return { ...base, status: statusWith(job, left, conditions, start), events: [] };
  const [reason, message] = [textAt(target, 'reason'), textAt(target, 'message')];
  const isGood = textAt(target, 'type') === 'SuccessCriteriaMet';
  const next = [...conditions, condition(isGood ? 'Complete' : 'Failed', reason, message, wireTime(now))];
  const status = statusWith(job, left, next, start);
  return {
    ...base,
    status: isGood ? withAt(status, ['completionTime'], wireTime(now)) : status,
    events: [
      isGood ? { type: 'Normal', reason: 'Completed', message: 'Job completed' } : { type: 'Warning', reason, message },
    ],
    again: 0,
  };
};

/** A Job in progress: it gets a Pod if it has none. */
const running = (situation: Situation): JobStep => {
  const { job, pods, active, counts, conditions, start, now } = situation;
  const wait = active.length === 0 ? backOff(pods, counts.failed, now) : 0;
  const create = active.length === 0 && wait === 0 ? 1 : 0;
  const deadline = numberAt(job, 'spec', 'activeDeadlineSeconds');
  const untilDeadline = deadline === undefined ? undefined : Date.parse(start) + deadline * 1000 - now;
  const again = wait > 0 ? Math.min(wait, untilDeadline ?? wait) : untilDeadline;
  return {
    status: statusWith(job, { ...counts, active: active.length + create }, conditions, start),
    create,
    remove: [],
    release: situation.release,
    events: [],
    isExpired: false,
    ...(again === undefined ? {} : { again: Math.max(0, again) }),
  };
};

const targets = ['SuccessCriteriaMet', 'FailureTarget'];

/**
 * What the Job controller does next with a Job and its pods. First it says where the Job is heading (SuccessCriteriaMet,
 * FailureTarget), then, when no pod is left, the result (Complete, Failed).
 */
export const jobStep = (job: KubeObject, pods: readonly KubeObject[], now: number): JobStep => {
  if (hasCondition(job, 'Complete') || hasCondition(job, 'Failed')) return finished(job, pods, now);
  const situation = situationOf(job, pods, now);
  const { counts } = situation;
  const known = listAt(job, 'status', 'conditions').filter(isObject);
  const target = known.find((one) => targets.includes(textAt(one, 'type')));
  if (target !== undefined) return closing(situation, target);
  if (counts.succeeded > 0) return turning(situation, 'SuccessCriteriaMet', reached);
  const why = failure(job, counts.failed, now);
  return why === undefined ? running(situation) : turning(situation, 'FailureTarget', why);
};

export const isPodOf =
  (job: KubeObject) =>
  (pod: KubeObject): boolean =>
    listAt(pod, 'metadata', 'ownerReferences').some(
      (owner) => textAt(owner, 'uid') === uidOf(job) && at(owner, 'controller') === true,
    );

export type JobEvent = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

/** A condition of a Job that is true since `time`. */
const condition = (type: string, reason: string, message: string, time: string): JsonObject => ({
  type,
  status: 'True',
  lastProbeTime: time,
  lastTransitionTime: time,
  reason,
  message,
});

/** How many pods of a Job are what. */
export type Counts = {
  readonly succeeded: number;
  readonly failed: number;
  readonly active: number;
  readonly ready: number;
  readonly terminating: number;
};

/** The status of a Job with these counts and conditions; what is zero is left out, as the controller does. */
const statusWith = (job: KubeObject, counts: Counts, conditions: readonly unknown[], start: string): JsonObject => {
  const known = objectAt(job, 'status');
  const positive = (count: number): number | undefined => (count > 0 ? count : undefined);
  const changes: readonly (readonly [string, unknown])[] = [
    ['active', positive(counts.active)],
    ['succeeded', positive(counts.succeeded)],
    ['failed', positive(counts.failed)],
    ['ready', counts.ready],
    ['terminating', counts.terminating],
    ['startTime', start],
    ['conditions', conditions.length === 0 ? undefined : conditions],
    ['uncountedTerminatedPods', {}],
  ];
  return changes.reduce<JsonObject>((status, [field, value]) => withAt(status, [field], value), known);
};

const tooLate = ['DeadlineExceeded', 'Job was active longer than specified deadline'] as const;
const tooOften = ['BackoffLimitExceeded', 'Job has reached the specified backoff limit'] as const;

/** Why a Job has failed, if it has. */
const failure = (job: KubeObject, failed: number, now: number): readonly [string, string] | undefined => {
  const deadline = numberAt(job, 'spec', 'activeDeadlineSeconds');
  const start = textAt(job, 'status', 'startTime');
  if (failed > (numberAt(job, 'spec', 'backoffLimit') ?? 6)) return tooOften;
  if (deadline !== undefined && start !== '' && now - Date.parse(start) >= deadline * 1000) return tooLate;
  return undefined;
};

/** Delay before the next pod after failures: ten seconds, doubling, six minutes at most. */
const backOff = (pods: readonly KubeObject[], failed: number, now: number): number => {
  if (failed === 0) return 0;
  const last = Math.max(
    0,
    ...pods
      .filter((pod) => textAt(pod, 'status', 'phase') === 'Failed')
      .flatMap((pod) => listAt(pod, 'status', 'containerStatuses'))
      .map((status) => Date.parse(textAt(status, 'state', 'terminated', 'finishedAt')))
      .filter((time) => !Number.isNaN(time)),
  );
  return Math.max(0, last + Math.min(360_000, 10_000 * 2 ** (failed - 1)) - now);
};
