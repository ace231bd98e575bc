import { describe, expect, it } from 'vitest';
import type { ContainerStatus } from '#model/job/job.ts';
import { podCreationGrace } from '#model/job/job-times.ts';
import { completed, container, digest, modernNode, waiting } from '../builders.ts';
import {
  second,
  minute,
  verdict,
  check,
  type Told,
  done,
  failing,
  mountRefused,
  open,
  bothPresent,
  both,
  notFound,
} from './verdict.ts';

describe('the helper image', () => {
  const helper = (of: Partial<ContainerStatus>) => container(0, { name: 'noop', ...of });
  const told = (why: string): Told => [
    'HelperImageFailed',
    `the helper image registry.example.com/noop:1 does not run: ${why}`,
  ];
  const [reason, message] = told('i/o timeout');
  const helperTrouble = { reason, message };
  check([
    {
      when: 'that can never come is told as itself',
      pod: { helper: helper({ reason: 'ErrImagePull', message: notFound }) },
      is: done({}, both(told(notFound))),
    },
    {
      when: 'that ends with an error is told as itself',
      pod: { helper: helper({ state: 'terminated', reason: 'Error', exitCode: 2 }) },
      is: done({}, both(told('Error'))),
    },
    {
      when: 'that may still come is waited for, and told as itself',
      pod: { helper: helper({ reason: 'ErrImagePull', message: 'i/o timeout' }) },
      after: 5 * minute - second,
      is: failing(both([helperTrouble.reason, helperTrouble.message])),
    },
    {
      when: 'that did not come until the deadline is told as itself',
      pod: { helper: helper({ reason: 'ImagePullBackOff', message: 'i/o timeout' }) },
      after: 5 * minute,
      is: done({}, both(told('i/o timeout'))),
    },
    {
      when: 'that has run says nothing',
      pod: { helper: helper({ state: 'terminated', reason: 'Completed' }) },
      containers: [completed(0), completed(1)],
      is: bothPresent,
    },
    { when: 'that waits for its turn says nothing', pod: { helper: helper({ reason: 'PodInitializing' }) }, is: open },
  ]);
});

describe('of images that are mounted', () => {
  it('are not touched by a Pod whose volumes the API server emptied: that is no result, whatever its containers say', () => {
    expect(
      verdict({
        when: '',
        pod: { imageAccess: 'neither', phase: 'Succeeded' },
        containers: [completed(0), completed(1)],
        is: {},
      }),
    ).toEqual(mountRefused);
  });

  const mounting = { imageAccess: 'mounting', phase: 'Running' } as const;
  const on = modernNode();
  const ran = (index: number) =>
    container(index, { state: 'terminated', reason: 'Completed', imageId: `noop@${digest}` });
  check([
    {
      when: 'those are there whose container ran, and their digest is not known',
      pod: mounting,
      on,
      containers: [ran(0), ran(1)],
      is: done({ 0: '', 1: '' }),
    },
    {
      when: "the helper's image id proves nothing",
      pod: mounting,
      on,
      containers: [container(0, { imageId: `noop@${digest}` }), ran(1)],
      is: open,
    },
    {
      when: 'one that can never come has failed by itself',
      pod: mounting,
      on,
      containers: [waiting(0, 'ErrImagePull', notFound), ran(1)],
      is: done({ 1: '' }, { 0: ['ErrImagePull', notFound] }),
    },
    {
      when: 'one that the runtime can not mount shows that images are to be copied',
      pod: mounting,
      on,
      containers: [waiting(0, 'CreateContainerError', 'ImageVolumeMountFailed: not supported'), ran(1)],
      is: mountRefused,
    },
    {
      when: 'none is blamed for the helper',
      pod: mounting,
      on,
      containers: [0, 1].map((index) => waiting(index, 'ErrImagePull', `registry.example.com/noop:1: not found`)),
      is: done(
        {},
        both([
          'HelperImageFailed',
          'the helper image registry.example.com/noop:1 does not run: registry.example.com/noop:1: not found',
        ]),
      ),
    },
    {
      when: 'a throttled pull is waited for',
      pod: mounting,
      on,
      containers: [waiting(0, 'ErrImagePull', 'pull QPS exceeded'), ran(1)],
      is: open,
    },
    {
      when: 'a Pod that admission refuses is copied next time',
      job: { podRefused: 'pods "x" is forbidden: image volumes are not allowed' },
      on,
      after: podCreationGrace,
      is: mountRefused,
    },
  ]);
});
