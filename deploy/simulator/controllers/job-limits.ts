import { listAt, numberAt, textAt } from '../json.ts';
import type { KubeObject } from '../api/kube-object.ts';

const tooLate = ['DeadlineExceeded', 'Job was active longer than specified deadline'] as const;
const tooOften = ['BackoffLimitExceeded', 'Job has reached the specified backoff limit'] as const;

/** Why a Job has failed, if it has. */
export const failure = (job: KubeObject, failed: number, now: number): readonly [string, string] | undefined => {
  const deadline = numberAt(job, 'spec', 'activeDeadlineSeconds');
  const start = textAt(job, 'status', 'startTime');
  if (failed > (numberAt(job, 'spec', 'backoffLimit') ?? 6)) return tooOften;
  if (deadline !== undefined && start !== '' && now - Date.parse(start) >= deadline * 1000) return tooLate;
  return undefined;
};

/** Delay before the next pod after failures: ten seconds, doubling, six minutes at most. */
export const backOff = (pods: readonly KubeObject[], failed: number, now: number): number => {
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
