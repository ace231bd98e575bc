import { describe } from 'vitest';
import { podCreationGrace } from '#model/job/job-times.ts';
import { completed, container, modernNode, waiting } from '../builders.ts';
import { minute, check, done, failing, lost, both, notFound } from './verdict.ts';

describe('a Job is lost, which is no fault of an image, when', () => {
  const unheard = [container(0), container(1)];
  const gone = {
    state: 'terminated',
    reason: 'ContainerStatusUnknown',
    exitCode: 137,
    message: 'could not be located',
  } as const;
  check([
    { when: 'neither it nor its Pod is there', job: 'unread', is: lost },
    { when: 'it failed and left no Pod', job: { outcome: 'Failed' }, is: lost },
    { when: 'it is being deleted by somebody', job: { isBeingDeleted: true }, is: lost },
    { when: 'its Pod was evicted', pod: { phase: 'Failed', reason: 'Evicted' }, is: lost },
    { when: 'its Pod had no place on the node', pod: { phase: 'Failed', reason: 'OutOfpods' }, is: lost },
    { when: 'the kubelet admitted it not', pod: { phase: 'Failed', reason: 'UnexpectedAdmissionError' }, is: lost },
    { when: 'its node shuts down', pod: { isDisrupted: true }, containers: unheard, is: lost },
    { when: 'its Pod is being deleted', pod: { isBeingDeleted: true }, containers: unheard, is: lost },
    {
      when: 'a deadline has wiped what was known',
      pod: { phase: 'Failed', reason: 'DeadlineExceeded' },
      containers: [container(0, gone), completed(1)],
      is: lost,
    },
    {
      when: 'its Pod was preempted between two tries',
      pod: { isDisrupted: true },
      containers: [waiting(0, 'ErrImagePull', 'connection reset'), completed(1)],
      is: lost,
    },
    {
      when: 'its Pod was evicted while the helper ran',
      pod: { phase: 'Failed', reason: 'Evicted', isDisrupted: true, helper: container(0, { ...gone, name: 'noop' }) },
      containers: unheard,
      is: lost,
    },
    {
      when: 'its Pod was killed with the helper',
      pod: {
        isDisrupted: true,
        helper: container(0, { name: 'noop', state: 'terminated', reason: 'Error', exitCode: 137 }),
      },
      containers: unheard,
      is: lost,
    },
    {
      when: 'its Pod was lost with an image not tried, though another can never come',
      pod: { phase: 'Failed', reason: 'Evicted' },
      containers: [waiting(0, 'ErrImagePull', notFound), container(1)],
      is: lost,
    },
  ]);
});

describe('a Job whose Pod can not be made', () => {
  const quota = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1';
  const admission = 'admission webhook "w" denied the request: no';
  check([
    {
      when: 'by quota says so and waits',
      job: { podRefused: quota },
      after: podCreationGrace,
      is: failing(both(['FailedCreate', quota])),
    },
    {
      when: 'by quota fails with that text when its time is up',
      job: { podRefused: quota },
      after: 5 * minute,
      is: done({}, both(['FailedCreate', quota])),
    },
    {
      when: 'by quota is not taken for a refusal of image volumes',
      job: { podRefused: quota },
      on: modernNode(),
      after: 5 * minute,
      is: done({}, both(['FailedCreate', quota])),
    },
    {
      when: 'by admission fails within seconds',
      job: { podRefused: admission },
      after: podCreationGrace,
      is: done({}, both(['FailedCreate', admission])),
    },
    {
      when: 'by admission, though already copied, fails on a modern node too',
      job: { podRefused: admission },
      on: modernNode(),
      entry: { copiesNoop: true },
      after: podCreationGrace,
      is: done({}, both(['FailedCreate', admission])),
    },
  ]);
});
