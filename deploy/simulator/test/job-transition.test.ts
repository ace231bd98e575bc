import { describe, expect, test } from 'vitest';
import { kubeObject } from '../api/kube-object.ts';
import { jobFinalizer, jobStep } from '../controllers/job-transition.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const time = (seconds: number) => new Date(start + seconds * 1000).toISOString().replace('.000', '');

const job = (spec: object = {}, status: object = {}) =>
  kubeObject({
    metadata: { name: 'j', uid: 'u' },
    spec: { parallelism: 1, completions: 1, backoffLimit: 0, ...spec },
    status,
  });
const pod = (phase: string, metadata: object = {}) =>
  kubeObject({ metadata: { name: 'p', finalizers: [jobFinalizer], ...metadata }, status: { phase } });
const condition = (type: string, reason: string) => ({
  type,
  status: 'True',
  reason,
  message: 'm',
  lastTransitionTime: time(0),
});
const going = { deletionTimestamp: time(0) };
const types = (status: Readonly<Record<string, unknown>>) =>
  (Array.isArray(status['conditions']) ? status['conditions'] : []).map(
    (one: { type: string; reason: string }) => `${one.type}/${one.reason}`,
  );

describe('a Job', () => {
  test.each([
    {
      when: 'is new: one pod is made',
      given: { job: job(), pods: [] },
      then: { create: 1, active: 1, conditions: [] },
    },
    {
      when: 'has its pod: nothing to do',
      given: { job: job(), pods: [pod('Running')] },
      then: { create: 0, active: 1, conditions: [] },
    },
    {
      when: 'has a pod that succeeded: it is heading for success, its pod counted and let go',
      given: { job: job({}, { startTime: time(0) }), pods: [pod('Succeeded')] },
      then: { create: 0, release: 1, succeeded: 1, conditions: ['SuccessCriteriaMet/CompletionsReached'] },
    },
    {
      when: 'is heading for success and has no pod left: it is complete',
      given: {
        job: job({}, { succeeded: 1, conditions: [condition('SuccessCriteriaMet', 'CompletionsReached')] }),
        pods: [pod('Succeeded', { finalizers: [] })],
      },
      then: {
        create: 0,
        succeeded: 1,
        conditions: ['SuccessCriteriaMet/CompletionsReached', 'Complete/CompletionsReached'],
      },
    },
    {
      when: 'has a pod that failed and no more tries: it is heading for failure',
      given: { job: job(), pods: [pod('Failed')] },
      then: { create: 0, release: 1, failed: 1, conditions: ['FailureTarget/BackoffLimitExceeded'] },
    },
    {
      when: 'has lost its pod by deletion: that counts as a failure',
      given: { job: job(), pods: [pod('Running', going)] },
      then: { create: 0, release: 1, failed: 1, conditions: ['FailureTarget/BackoffLimitExceeded'] },
    },
    {
      when: 'may try again: another pod is made',
      given: { job: job({ backoffLimit: 1 }), pods: [pod('Failed')] },
      then: { create: 1, release: 1, failed: 1, active: 1, conditions: [] },
    },
    {
      when: 'is past its deadline: its pods are deleted',
      given: { job: job({ activeDeadlineSeconds: 5 }, { startTime: time(-6) }), pods: [pod('Running')] },
      then: { create: 0, remove: 1, conditions: ['FailureTarget/DeadlineExceeded'] },
    },
    {
      when: 'is heading for failure while a pod is still there: it waits',
      given: {
        job: job({}, { conditions: [condition('FailureTarget', 'DeadlineExceeded')] }),
        pods: [pod('Running', { ...going, finalizers: [] })],
      },
      then: { create: 0, conditions: ['FailureTarget/DeadlineExceeded'] },
    },
    {
      when: 'is heading for failure and has no pod left: it has failed',
      given: { job: job({}, { conditions: [condition('FailureTarget', 'DeadlineExceeded')] }), pods: [] },
      then: { create: 0, conditions: ['FailureTarget/DeadlineExceeded', 'Failed/DeadlineExceeded'] },
    },
  ])('$when', ({ given, then }) => {
    const step = jobStep(given.job, given.pods, start);
    const { create, remove = 0, release = 0, conditions, ...counts } = { ...then };
    expect(step).toMatchObject({ create, isExpired: false, status: counts });
    expect([step.remove.length, step.release.length, types(step.status)]).toEqual([remove, release, conditions]);
  });

  test('that is over goes when its time to live is over, not before', () => {
    const over = job({ ttlSecondsAfterFinished: 10 }, { conditions: [condition('Complete', 'CompletionsReached')] });
    expect(jobStep(over, [], start + 9_000)).toMatchObject({ isExpired: false, again: 1_000 });
    expect(jobStep(over, [], start + 10_000)).toMatchObject({ isExpired: true });
  });

  test('is looked at again when its deadline comes', () => {
    expect(jobStep(job({ activeDeadlineSeconds: 5 }), [pod('Running')], start).again).toBe(5_000);
  });
});
